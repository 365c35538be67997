#include "public_key.h"

#include <mbedtls/ecdsa.h>
#include <mbedtls/rsa.h>

#include <algorithm>

#include "base/bytes.h"

namespace sealkey::pkcs11 {

namespace {

class RsaContext {
public:
    explicit RsaContext(const PublicKeyParts& key) {
        mbedtls_rsa_init(&context_);
        const int code = mbedtls_rsa_import_raw(&context_, key.modulus.data(), key.modulus.size(), nullptr, 0, nullptr,
                                                0, nullptr, 0, key.exponent.data(), key.exponent.size());
        if (code == 0 && mbedtls_rsa_complete(&context_) == 0) return;
        mbedtls_rsa_free(&context_);
        refuse(CKR_FUNCTION_FAILED);
    }
    ~RsaContext() { mbedtls_rsa_free(&context_); }
    RsaContext(const RsaContext&) = delete;
    RsaContext& operator=(const RsaContext&) = delete;
    mbedtls_rsa_context* get() { return &context_; }

private:
    mbedtls_rsa_context context_;
};

}  // namespace

ByteVector rsa_public(const PublicKeyParts& key, ByteView block) {
    RsaContext rsa(key);
    ByteVector out(key.modulus.size());
    require(block.size() == out.size(), CKR_SIGNATURE_LEN_RANGE);
    require(mbedtls_rsa_public(rsa.get(), block.data(), out.data()) == 0, CKR_SIGNATURE_INVALID);
    return out;
}

void verify_pss(const PublicKeyParts& key, ByteView hash_value, const PssParameters& parameters, ByteView signature) {
    ByteVector block = rsa_public(key, signature);
    const std::size_t length = hash_size(parameters.hash);
    const std::size_t size = block.size();
    require(hash_value.size() == length, CKR_DATA_LEN_RANGE);
    const bool fits = parameters.salt <= size && length + parameters.salt + 2 <= size;
    require(fits && block.back() == 0xBC && (block[0] & 0x80) == 0, CKR_SIGNATURE_INVALID);
    const std::size_t db_size = size - length - 1;
    const ByteVector h(block.begin() + static_cast<std::ptrdiff_t>(db_size), block.end() - 1);
    apply_mgf1(std::span(block).first(db_size), h, parameters.mgf);
    block[0] &= 0x7F;
    const std::size_t zeros = db_size - parameters.salt - 1;
    const bool padded = std::all_of(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(zeros),
                                    [](std::uint8_t b) { return b == 0; });
    require(padded && block[zeros] == 0x01, CKR_SIGNATURE_INVALID);
    Hasher hasher(parameters.hash);
    hasher.update(ByteVector(8, 0));
    hasher.update(hash_value);
    hasher.update(std::span(block).subspan(zeros + 1, parameters.salt));
    require(hasher.finish() == h, CKR_SIGNATURE_INVALID);
}

void verify_ecdsa(const KeyAlgorithm& algorithm, const PublicKeyParts& key, ByteView hash_value, ByteView signature) {
    require(signature.size() == algorithm.signature_size(), CKR_SIGNATURE_LEN_RANGE);
    struct Context {
        Context() {
            mbedtls_ecp_group_init(&group);
            mbedtls_ecp_point_init(&point);
            mbedtls_mpi_init(&r);
            mbedtls_mpi_init(&s);
        }
        ~Context() {
            mbedtls_mpi_free(&s);
            mbedtls_mpi_free(&r);
            mbedtls_ecp_point_free(&point);
            mbedtls_ecp_group_free(&group);
        }
        mbedtls_ecp_group group;
        mbedtls_ecp_point point;
        mbedtls_mpi r;
        mbedtls_mpi s;
    } c;
    const std::size_t width = algorithm.bytes();
    const auto curve =
        algorithm.algorithm == protocol::Algorithm::p256 ? MBEDTLS_ECP_DP_SECP256R1 : MBEDTLS_ECP_DP_SECP384R1;
    const bool loaded = mbedtls_ecp_group_load(&c.group, curve) == 0 &&
                        mbedtls_ecp_point_read_binary(&c.group, &c.point, key.point.data(), key.point.size()) == 0 &&
                        mbedtls_mpi_read_binary(&c.r, signature.data(), width) == 0 &&
                        mbedtls_mpi_read_binary(&c.s, signature.data() + width, width) == 0;
    require(loaded, CKR_FUNCTION_FAILED);
    const int code = mbedtls_ecdsa_verify(&c.group, hash_value.data(), hash_value.size(), &c.point, &c.r, &c.s);
    require(code == 0, CKR_SIGNATURE_INVALID);
}

ByteVector encrypt_pkcs1(const PublicKeyParts& key, ByteView data) {
    const std::size_t size = key.modulus.size();
    require(data.size() + 11 <= size, CKR_DATA_LEN_RANGE);
    ByteVector block(size, 0);
    block[1] = 0x02;
    const auto filler = std::span(block).subspan(2, size - data.size() - 3);
    random_bytes(filler);
    for (std::uint8_t& byte : filler) {
        while (byte == 0) random_bytes({&byte, 1});
    }
    std::copy(data.begin(), data.end(), block.end() - static_cast<std::ptrdiff_t>(data.size()));
    return rsa_public(key, block);
}

ByteVector encrypt_oaep(const PublicKeyParts& key, ByteView data, const OaepParameters& parameters) {
    const std::size_t size = key.modulus.size();
    const std::size_t length = hash_size(parameters.hash);
    require(data.size() + 2 * length + 2 <= size, CKR_DATA_LEN_RANGE);
    ByteVector block(size, 0);
    const auto seed = std::span(block).subspan(1, length);
    const auto db = std::span(block).subspan(1 + length);
    random_bytes(seed);
    const ByteVector label = digest(parameters.hash, parameters.label);
    std::copy(label.begin(), label.end(), db.begin());
    db[db.size() - data.size() - 1] = 0x01;
    std::copy(data.begin(), data.end(), db.end() - static_cast<std::ptrdiff_t>(data.size()));
    apply_mgf1(db, seed, parameters.mgf);
    apply_mgf1(seed, db, parameters.mgf);
    return rsa_public(key, block);
}

}  // namespace sealkey::pkcs11
