#include "crypto/signature.h"

#include <algorithm>

namespace sealkey::crypto {

namespace {

// DigestInfo up to the digest: SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING }. The OIDs differ in their last byte.
constexpr std::size_t kPrefixSize = 19;
constexpr std::size_t kOidEnd = 14;

// Last byte of the hash's OID (2.16.840.1.101.3.4.2.n); 0: none that is used here.
std::uint8_t oid_number(Hash hash) {
    switch (hash) {
        case Hash::sha256:
            return 1;
        case Hash::sha384:
            return 2;
        case Hash::sha512:
            return 3;
        default:
            return 0;
    }
}

Status verify_rsa(const PublicKey& key, Hash hash, Bytes digest, Bytes signature) {
    if (!is_rsa_size(key.size * 8) || key.value[0] < 0x80 || signature.size() != key.size) return Error::invalid;
    std::array<std::uint8_t, kMaxRsaModulus> opened{};
    std::array<std::uint8_t, kMaxRsaModulus> expected{};
    const MutableBytes block = MutableBytes(opened).first(key.size);
    if (Status s = rsa_public_operation(key.bytes(), signature, block); !s) return s;
    // What must come out is built and compared as a whole: there is nothing to parse, and nothing to slip past a
    // parser.
    if (Status s = pkcs1_encode(hash, digest, MutableBytes(expected).first(key.size)); !s) return s;
    if (!equal(block, Bytes(expected).first(key.size))) return Error::wrong_secret;
    return {};
}

}  // namespace

Status pkcs1_encode(Hash hash, Bytes digest, MutableBytes out) {
    constexpr std::size_t least_padding = 8;
    const std::uint8_t number = oid_number(hash);
    const std::size_t info = kPrefixSize + digest.size();
    if (number == 0 || digest.size() != hash_size(hash) || out.size() < 3 + least_padding + info) return Error::invalid;
    const auto size = static_cast<std::uint8_t>(digest.size());
    std::uint8_t prefix[kPrefixSize] = {0x30, static_cast<std::uint8_t>(17 + size),
                                        0x30, 0x0D,
                                        0x06, 0x09,
                                        0x60, 0x86,
                                        0x48, 0x01,
                                        0x65, 0x03,
                                        0x04, 0x02,
                                        0x00, 0x05,
                                        0x00, 0x04,
                                        size};
    prefix[kOidEnd] = number;
    const std::size_t at = out.size() - info;
    out[0] = 0x00;
    out[1] = 0x01;
    std::fill(out.begin() + 2, out.begin() + static_cast<std::ptrdiff_t>(at) - 1, 0xFF);
    out[at - 1] = 0x00;
    std::memcpy(&out[at], prefix, kPrefixSize);
    std::memcpy(&out[at + kPrefixSize], digest.data(), digest.size());
    return {};
}

Status verify_signature(const PublicKey& key, Hash hash, Bytes digest, Bytes signature) {
    if (digest.size() != hash_size(hash)) return Error::invalid;
    switch (key.kind) {
        case KeyKind::rsa:
            return verify_rsa(key, hash, digest, signature);
        case KeyKind::p256:
            return ecdsa_verify(Curve::p256, key.bytes(), digest, signature);
        case KeyKind::p384:
            return ecdsa_verify(Curve::p384, key.bytes(), digest, signature);
    }
    return Error::invalid;
}

}  // namespace sealkey::crypto
