// Tells the chip's clock what the firmware computes. The linker puts these functions between the firmware and mbedTLS
// (--wrap, in CMakeLists.txt), so that the firmware itself knows nothing of it. Of calls within calls only the
// outermost counts: a key's generation is one figure, whatever it draws and hashes.
#include <mbedtls/aes.h>
#include <mbedtls/cipher.h>
#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>

#include "chip_time.h"

namespace {

using sealkey::sim::ChipOperation;
using sealkey::sim::ChipPart;
using sealkey::sim::ChipTime;

int depth = 0;

class Outermost {
public:
    Outermost() { ++depth; }
    ~Outermost() { --depth; }
    Outermost(const Outermost&) = delete;
    Outermost& operator=(const Outermost&) = delete;
};

template <class Call>
int counted(const Call& call, ChipPart part, ChipOperation operation, double times = 1) {
    ChipTime* const chip = ChipTime::running();
    if (depth == 0 && chip != nullptr) chip->did(part, operation, times);
    const Outermost held;
    return call();
}

ChipOperation on_curve(const mbedtls_ecp_group* group, ChipOperation p256, ChipOperation p384) {
    return group->id == MBEDTLS_ECP_DP_SECP384R1 ? p384 : p256;
}

ChipOperation rsa_operation(const mbedtls_rsa_context* key) {
    const std::size_t bits = mbedtls_rsa_get_len(key) * 8;
    if (bits <= 2048) return ChipOperation::rsa2048_private;
    return bits <= 3072 ? ChipOperation::rsa3072_private : ChipOperation::rsa4096_private;
}

using Random = int (*)(void*, unsigned char*, std::size_t);
using Octets = unsigned char*;
using ConstOctets = const unsigned char*;

}  // namespace

// The names are the linker's. NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
extern "C" {
#define SEALKEY_WRAP(name, parameters) \
    int __real_##name parameters;      \
    int __wrap_##name parameters;      \
    int __wrap_##name parameters

SEALKEY_WRAP(mbedtls_rsa_gen_key,
             (mbedtls_rsa_context * key, Random random, void* state, unsigned bits, int exponent)) {
    ChipTime* const chip = ChipTime::running();
    if (depth == 0 && chip != nullptr) chip->generated_rsa(bits);
    const Outermost held;
    return __real_mbedtls_rsa_gen_key(key, random, state, bits, exponent);
}

SEALKEY_WRAP(mbedtls_rsa_private, (mbedtls_rsa_context * key, Random random, void* state, ConstOctets in, Octets out)) {
    return counted([&] { return __real_mbedtls_rsa_private(key, random, state, in, out); }, ChipPart::private_key,
                   rsa_operation(key));
}

SEALKEY_WRAP(mbedtls_ecp_gen_keypair,
             (mbedtls_ecp_group * group, mbedtls_mpi* d, mbedtls_ecp_point* q, Random random, void* state)) {
    return counted([&] { return __real_mbedtls_ecp_gen_keypair(group, d, q, random, state); }, ChipPart::key_generation,
                   on_curve(group, ChipOperation::p256_generate, ChipOperation::p384_generate));
}

// A brought key's public point.
SEALKEY_WRAP(mbedtls_ecp_mul, (mbedtls_ecp_group * group, mbedtls_ecp_point* r, const mbedtls_mpi* m,
                               const mbedtls_ecp_point* p, Random random, void* state)) {
    return counted([&] { return __real_mbedtls_ecp_mul(group, r, m, p, random, state); }, ChipPart::private_key,
                   on_curve(group, ChipOperation::p256_generate, ChipOperation::p384_generate));
}

SEALKEY_WRAP(mbedtls_ecdsa_sign, (mbedtls_ecp_group * group, mbedtls_mpi* r, mbedtls_mpi* s, const mbedtls_mpi* d,
                                  ConstOctets digest, std::size_t size, Random random, void* state)) {
    return counted([&] { return __real_mbedtls_ecdsa_sign(group, r, s, d, digest, size, random, state); },
                   ChipPart::private_key, on_curve(group, ChipOperation::p256_sign, ChipOperation::p384_sign));
}

SEALKEY_WRAP(mbedtls_ecdsa_verify, (mbedtls_ecp_group * group, ConstOctets digest, std::size_t size,
                                    const mbedtls_ecp_point* q, const mbedtls_mpi* r, const mbedtls_mpi* s)) {
    return counted([&] { return __real_mbedtls_ecdsa_verify(group, digest, size, q, r, s); }, ChipPart::public_key,
                   on_curve(group, ChipOperation::p256_verify, ChipOperation::p384_verify));
}

SEALKEY_WRAP(mbedtls_ecdh_compute_shared, (mbedtls_ecp_group * group, mbedtls_mpi* z, const mbedtls_ecp_point* q,
                                           const mbedtls_mpi* d, Random random, void* state)) {
    return counted([&] { return __real_mbedtls_ecdh_compute_shared(group, z, q, d, random, state); },
                   ChipPart::private_key, on_curve(group, ChipOperation::p256_agree, ChipOperation::p384_agree));
}

SEALKEY_WRAP(mbedtls_sha256_update, (mbedtls_sha256_context * context, ConstOctets data, std::size_t size)) {
    return counted([&] { return __real_mbedtls_sha256_update(context, data, size); }, ChipPart::symmetric,
                   ChipOperation::hash_byte, static_cast<double>(size));
}

SEALKEY_WRAP(mbedtls_md, (const mbedtls_md_info_t* info, ConstOctets data, std::size_t size, Octets out)) {
    return counted([&] { return __real_mbedtls_md(info, data, size, out); }, ChipPart::symmetric,
                   ChipOperation::hash_byte, static_cast<double>(size));
}

SEALKEY_WRAP(mbedtls_aes_crypt_ecb, (mbedtls_aes_context * context, int mode, ConstOctets in, Octets out)) {
    return counted([&] { return __real_mbedtls_aes_crypt_ecb(context, mode, in, out); }, ChipPart::symmetric,
                   ChipOperation::cipher_byte, 16);
}

SEALKEY_WRAP(mbedtls_aes_crypt_cbc,
             (mbedtls_aes_context * context, int mode, std::size_t size, Octets iv, ConstOctets in, Octets out)) {
    return counted([&] { return __real_mbedtls_aes_crypt_cbc(context, mode, size, iv, in, out); }, ChipPart::symmetric,
                   ChipOperation::cipher_byte, static_cast<double>(size));
}

SEALKEY_WRAP(mbedtls_cipher_cmac_update, (mbedtls_cipher_context_t * context, ConstOctets data, std::size_t size)) {
    return counted([&] { return __real_mbedtls_cipher_cmac_update(context, data, size); }, ChipPart::symmetric,
                   ChipOperation::cipher_byte, static_cast<double>(size));
}

SEALKEY_WRAP(mbedtls_gcm_crypt_and_tag,
             (mbedtls_gcm_context * context, int mode, std::size_t size, ConstOctets iv, std::size_t iv_size,
              ConstOctets more, std::size_t more_size, ConstOctets in, Octets out, std::size_t tag_size, Octets tag)) {
    return counted(
        [&] {
            return __real_mbedtls_gcm_crypt_and_tag(context, mode, size, iv, iv_size, more, more_size, in, out,
                                                    tag_size, tag);
        },
        ChipPart::symmetric, ChipOperation::cipher_byte, static_cast<double>(size + more_size));
}

SEALKEY_WRAP(mbedtls_gcm_auth_decrypt,
             (mbedtls_gcm_context * context, std::size_t size, ConstOctets iv, std::size_t iv_size, ConstOctets more,
              std::size_t more_size, ConstOctets tag, std::size_t tag_size, ConstOctets in, Octets out)) {
    return counted(
        [&] {
            return __real_mbedtls_gcm_auth_decrypt(context, size, iv, iv_size, more, more_size, tag, tag_size, in, out);
        },
        ChipPart::symmetric, ChipOperation::cipher_byte, static_cast<double>(size + more_size));
}
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
