// What a key centre answers, behind the CA's question: refused by a CaError, or a key and an envelope of the right
// kind.
#include "ca/key_centre.h"

#include <openssl/err.h>

#include <cstdlib>

#include "ca/certificate.h"
#include "ca/error.h"

using namespace sealkey;

namespace {

// The public key of the order below; the seeds have another.
constexpr char kRecipient[] =
    "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr protocol::Algorithm algorithms[] = {protocol::Algorithm::p256, protocol::Algorithm::p384,
                                                  protocol::Algorithm::rsa2048};
    if (size == 0) return 0;
    ca::CentreOrder order{"SK2600000013", {}, algorithms[data[0] % 3], ca::unhex(kRecipient)};
    order.name.fill(7);
    try {
        const auto key = ca::read_centre_answer({reinterpret_cast<const char*>(data + 1), size - 1}, order);
        if (key.public_key == order.recipient || key.envelope.size() < 65 + 32 + 8) std::abort();
    } catch (const ca::CaError& error) {
        if (error.fault() != ca::Fault::quality) std::abort();
    }
    if (ERR_peek_error() != 0) std::abort();
    return 0;
}
