#include "sign/error.h"

#include <openssl/err.h>

namespace sealkey::sign {

const char* fault_name(Fault fault) {
    switch (fault) {
        case Fault::no_certificate:
            return "no_certificate";
        case Fault::expired_certificate:
            return "expired_certificate";
        case Fault::unsupported_key:
            return "unsupported_key";
        case Fault::wrong_key:
            return "wrong_key";
        case Fault::no_seal:
            return "no_seal";
        case Fault::bad_page:
            return "bad_page";
        case Fault::not_a_pdf:
            return "not_a_pdf";
        case Fault::encrypted_pdf:
            return "encrypted_pdf";
        case Fault::locked_pdf:
            return "locked_pdf";
        case Fault::too_large:
            return "too_large";
        case Fault::malformed:
            return "malformed";
        case Fault::no_signature:
            return "no_signature";
        case Fault::wrong_signature:
            return "wrong_signature";
        case Fault::added_data:
            return "added_data";
        case Fault::untrusted:
            return "untrusted";
        case Fault::revoked:
            return "revoked";
        case Fault::bad_time:
            return "bad_time";
        case Fault::no_timestamp:
            return "no_timestamp";
        case Fault::bad_timestamp:
            return "bad_timestamp";
        case Fault::untrusted_timestamp:
            return "untrusted_timestamp";
        case Fault::bad_authority_file:
            return "bad_authority_file";
        case Fault::crypto:
            return "crypto";
    }
    return "crypto";
}

void require(bool ok, const char* what) {
    if (ok) return;
    char reason[256] = "no reason given";
    if (const unsigned long code = ERR_get_error()) ERR_error_string_n(code, reason, sizeof reason);
    ERR_clear_error();
    throw SignError(Fault::crypto, mark("OpenSSL failed: %1 (%2)."), {what, reason});
}

}  // namespace sealkey::sign
