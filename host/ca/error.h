// What the certificate authority refuses, named by what a caller can do about it.
#pragma once

#include "message/message.h"

namespace sealkey::ca {

using message::mark;

enum class Fault {
    bad_passphrase,  // the passphrase doesn't open the file
    bad_request,     // a certificate request breaks a rule
    bad_code,        // a unified social credit code or another code breaks its rule
    bad_argument,    // another value breaks its stated rule
    expired,         // a certificate of the CA isn't valid at this time
    forged,          // a check value is wrong: not made by the token it names, or changed on the way
    replayed,        // a lock event that is over
    unknown,         // no such token, certificate or key version
    exists,          // something stands where a new thing was to be made
    policy,          // a rule of the CA's policy refuses it
    corrupt,         // a file of the CA is damaged
    file,            // a file can't be read or written
    quality,         // a quality check failed
    busy,            // the same is under way for somebody else: later
    crypto,          // the cryptographic library failed
};

using CaError = message::FaultError<Fault>;

}  // namespace sealkey::ca
