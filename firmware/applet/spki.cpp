#include "applet/spki.h"

#include <array>

#include "base/tlv.h"
#include "crypto/ec.h"
#include "protocol/piv.h"

namespace sealkey::applet {

namespace {

namespace tag = protocol::tag;

// AlgorithmIdentifiers, whole.
constexpr std::uint8_t kRsaEncryption[] = {0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86,
                                           0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00};
constexpr std::uint8_t kEcP256[] = {0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
                                    0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
constexpr std::uint8_t kEcP384[] = {0x30, 0x10, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D,
                                    0x02, 0x01, 0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22};

Status put_rsa(DerWriter& writer, Algorithm algorithm, Bytes public_key) {
    const auto modulus = find_tlv(public_key, tag::rsa_modulus);
    const auto exponent = find_tlv(public_key, tag::rsa_exponent);
    if (!modulus || !exponent || modulus->size() * 8 != rsa_bits(algorithm)) return Error::invalid;
    const std::size_t before = writer.size();
    writer.unsigned_integer(*exponent).unsigned_integer(*modulus).wrap(der::sequence, before);
    constexpr std::uint8_t unused_bits = 0;
    writer.raw({&unused_bits, 1}).wrap(der::bit_string, before).raw(kRsaEncryption).wrap(der::sequence, before);
    return {};
}

Status put_ec(DerWriter& writer, Algorithm algorithm, Bytes public_key) {
    const bool p256 = algorithm == Algorithm::p256;
    const auto point = find_tlv(public_key, tag::ec_point);
    if (!point || point->size() != crypto::ec_point_size(p256 ? crypto::Curve::p256 : crypto::Curve::p384)) {
        return Error::invalid;
    }
    const std::size_t before = writer.size();
    writer.bit_string(*point).raw(p256 ? Bytes(kEcP256) : Bytes(kEcP384)).wrap(der::sequence, before);
    return {};
}

}  // namespace

Status put_spki(DerWriter& writer, Algorithm algorithm, Bytes public_key) {
    Status done = Error::invalid;
    if (rsa_bits(algorithm) != 0) done = put_rsa(writer, algorithm, public_key);
    if (algorithm == Algorithm::p256 || algorithm == Algorithm::p384) done = put_ec(writer, algorithm, public_key);
    if (done && !writer.ok()) return Error::too_large;
    return done;
}

bool is_spki_of(Bytes spki, Algorithm algorithm, Bytes public_key) {
    std::array<std::uint8_t, kMaxSpki> expected{};
    DerWriter writer(expected);
    return put_spki(writer, algorithm, public_key) && equal(spki, writer.bytes());
}

}  // namespace sealkey::applet
