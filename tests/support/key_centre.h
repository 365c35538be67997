// A key centre's half of an envelope (firmware/protocol/renewal.h), on OpenSSL alone: the tests' mock, there is no such
// centre among our programs. What it makes can be bound to anything, the wrong thing too.
#pragma once

#include "support/renewal_desk.h"

namespace sealkey::testing {

struct EnvelopeFor {
    std::string serial{kSerial};
    ByteVector rid;
    Algorithm algorithm = Algorithm::p256;  // of the key in it
};

// The scalar, or p q dp dq qinv.
ByteVector private_parts(const PKey& key);
ByteVector make_envelope(const ByteVector& parts, const PKey& recipient, const EnvelopeFor& what);
inline ByteVector make_envelope(const PKey& key, const PKey& recipient, const EnvelopeFor& what) {
    return make_envelope(private_parts(key), recipient, what);
}

}  // namespace sealkey::testing
