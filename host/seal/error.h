// What is wrong with a seal, named by what a caller can do about it.
#pragma once

#include "message/message.h"

namespace sealkey::seal {

using message::mark;

enum class Fault {
    malformed,               // not the DER of a seal, or a field breaks the standard's rule
    unsupported,             // another version, algorithm, kind of list, or a critical extension not known here
    too_large,               // more than a key holds (32 KiB)
    bad_argument,            // a value given for a new seal breaks its rule
    bad_picture,             // not a picture of the stated type, or too many points
    bad_certificate,         // a certificate in it, or given with it, can't be read
    wrong_signature,         // the maker's signature doesn't fit: the seal was changed, or another key signed it
    maker_untrusted,         // the maker's certificate doesn't lead to the given authority
    maker_expired,           // the maker's certificate wasn't valid when the seal was made
    maker_revoked,           // the maker's certificate stands in its issuer's revocation list
    bad_revocation_list,     // no list by the maker's issuer, or one that is forged, out of date or not a whole one
    not_yet_valid,           // the seal's own dates
    expired,                 // the seal's own dates
    certificate_not_listed,  // the signing certificate isn't one of those the seal was made for
    crypto,                  // the cryptographic library failed
};

// The name for programs: "certificate_not_listed".
[[nodiscard]] const char* fault_name(Fault fault);

using SealError = message::FaultError<Fault>;

}  // namespace sealkey::seal
