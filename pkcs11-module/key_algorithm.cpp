#include "key_algorithm.h"

#include <array>

#include "base/bytes.h"

namespace sealkey::pkcs11 {

namespace {

constexpr std::array<std::uint8_t, 10> kP256 = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
constexpr std::array<std::uint8_t, 7> kP384 = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22};

constexpr KeyAlgorithm kRows[] = {
    {protocol::Algorithm::rsa2048, CKK_RSA, 2048, {}}, {protocol::Algorithm::rsa3072, CKK_RSA, 3072, {}},
    {protocol::Algorithm::rsa4096, CKK_RSA, 4096, {}}, {protocol::Algorithm::p256, CKK_EC, 256, kP256},
    {protocol::Algorithm::p384, CKK_EC, 384, kP384},
};

}  // namespace

const KeyAlgorithm* key_algorithm(protocol::Algorithm algorithm) {
    for (const KeyAlgorithm& row : kRows) {
        if (row.algorithm == algorithm) return &row;
    }
    return nullptr;
}

const KeyAlgorithm* rsa_algorithm(std::size_t bits) {
    for (const KeyAlgorithm& row : kRows) {
        if (row.is_rsa() && row.bits == bits) return &row;
    }
    return nullptr;
}

const KeyAlgorithm* ec_algorithm(ByteView ec_params) {
    for (const KeyAlgorithm& row : kRows) {
        if (!row.is_rsa() && equal(row.ec_params, ec_params)) return &row;
    }
    return nullptr;
}

}  // namespace sealkey::pkcs11
