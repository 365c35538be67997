// Why something can't be signed, or why a signature isn't good, named by what a caller can do about it.
#pragma once

#include "message/message.h"

namespace sealkey::sign {

using message::mark;

enum class Fault {
    no_certificate,       // the key has none in this slot
    expired_certificate,  // of the signer: not valid at the time of the signature
    unsupported_key,      // a kind of key that signatures aren't made with
    wrong_key,            // what the key made doesn't fit its certificate
    no_seal,              // the key holds none
    bad_page,             // there is no such page, or the seal doesn't fit on it there
    not_a_pdf,            // can't be read as PDF
    encrypted_pdf,        // wants a password, or forbids changes by one
    locked_pdf,           // an author's signature forbids changes
    too_large,
    malformed,            // not a CMS signature of the kind that is made here
    no_signature,         // the file bears none
    wrong_signature,      // the data or the signature were changed
    added_data,           // bytes that no signature covers
    untrusted,            // the signer's certificate doesn't lead to the given authority
    revoked,              // the signer's certificate stands in the revocation list
    bad_time,             // the signature says that it was made in the future
    no_timestamp,         // the authority can't be reached, or refuses
    bad_timestamp,        // not a timestamp, of another signature, changed, or not by a timestamp authority
    untrusted_timestamp,  // by none of the given authorities
    bad_authority_file,   // no certificates or revocation lists in it
    crypto,               // a library failed
};

[[nodiscard]] const char* fault_name(Fault fault);

using SignError = message::FaultError<Fault>;

// Throws SignError crypto with `what` and what OpenSSL has to say, unless `ok`.
void require(bool ok, const char* what);

}  // namespace sealkey::sign
