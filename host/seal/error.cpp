#include "seal/error.h"

namespace sealkey::seal {

const char* fault_name(Fault fault) {
    switch (fault) {
        case Fault::malformed:
            return "malformed";
        case Fault::unsupported:
            return "unsupported";
        case Fault::too_large:
            return "too_large";
        case Fault::bad_argument:
            return "bad_argument";
        case Fault::bad_picture:
            return "bad_picture";
        case Fault::bad_certificate:
            return "bad_certificate";
        case Fault::wrong_signature:
            return "wrong_signature";
        case Fault::maker_untrusted:
            return "maker_untrusted";
        case Fault::maker_expired:
            return "maker_expired";
        case Fault::maker_revoked:
            return "maker_revoked";
        case Fault::bad_revocation_list:
            return "bad_revocation_list";
        case Fault::not_yet_valid:
            return "not_yet_valid";
        case Fault::expired:
            return "expired";
        case Fault::certificate_not_listed:
            return "certificate_not_listed";
        case Fault::crypto:
            return "crypto";
    }
    return "crypto";
}

}  // namespace sealkey::seal
