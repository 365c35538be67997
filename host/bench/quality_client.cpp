// Part A of the quality check where OpenSC can't reach the key: our own client uses it, OpenSSL judges.
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "bench/quality.h"
#include "bench/request.h"
#include "ca/error.h"
#include "ca/renewal.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

constexpr std::size_t kClientNonceSize = 32;

struct Use {
    token::Token& token;
    std::string slot;
    std::uint8_t reference;
    EVP_PKEY* key;
    protocol::Algorithm algorithm;
    Bytes pin;
};

bool is_rsa_key(EVP_PKEY* key) { return EVP_PKEY_is_a(key, "RSA") == 1; }

ca::ByteVector fresh_nonce() {
    ca::ByteVector bytes(kClientNonceSize);
    ca::random_bytes(bytes);
    return bytes;
}

void use_signature(const Use& use) {
    const auto message = fresh_nonce();
    ca::ByteVector input = ca::sha256(message);
    if (is_rsa_key(use.key)) input = padded_for_rsa(input, static_cast<std::size_t>(EVP_PKEY_get_size(use.key)));
    const token::Token::Transaction transaction(use.token);
    use.token.verify(use.pin);
    const auto signature = use.token.sign(use.reference, use.algorithm, input);
    const ca::MdCtx md(EVP_MD_CTX_new());
    const bool right =
        md && EVP_DigestVerifyInit(md.get(), nullptr, EVP_sha256(), nullptr, use.key) == 1 &&
        EVP_DigestVerify(md.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
    if (!right) {
        throw CaError(Fault::quality, mark("The signature made with slot %1 doesn't fit its certificate."), {use.slot});
    }
}

[[noreturn]] void not_decrypted(const Use& use) {
    throw CaError(Fault::quality, mark("Slot %1 doesn't decrypt what was encrypted for its certificate."), {use.slot});
}

void use_decryption(const Use& use) {
    const auto message = fresh_nonce();
    const ca::PKeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, use.key, nullptr));
    ca::ByteVector sealed(static_cast<std::size_t>(EVP_PKEY_get_size(use.key)));
    std::size_t size = sealed.size();
    ca::require(ctx && EVP_PKEY_encrypt_init(ctx.get()) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_PADDING) == 1 &&
                    EVP_PKEY_encrypt(ctx.get(), sealed.data(), &size, message.data(), message.size()) == 1,
                "encryption");
    const token::Token::Transaction transaction(use.token);
    use.token.verify(use.pin);
    const auto block = use.token.decrypt(use.reference, use.algorithm, sealed);
    // 00 02, padding, 00, the message.
    const bool fits = block.size() == sealed.size() && block[block.size() - message.size() - 1] == 0;
    if (!fits || !equal(Bytes(block).last(message.size()), message)) not_decrypted(use);
}

void use_agreement(const Use& use) {
    char group[64] = {};
    std::size_t used = 0;
    ca::require(EVP_PKEY_get_group_name(use.key, group, sizeof group, &used) == 1, "curve");
    const ca::PKey peer(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", group));
    const ca::PKeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, peer.get(), nullptr));
    ca::ByteVector secret(66);
    std::size_t size = secret.size();
    ca::ByteVector point(133);
    std::size_t point_size = 0;
    ca::require(peer && ctx && EVP_PKEY_derive_init(ctx.get()) == 1 &&
                    EVP_PKEY_derive_set_peer(ctx.get(), use.key) == 1 &&
                    EVP_PKEY_derive(ctx.get(), secret.data(), &size) == 1 &&
                    EVP_PKEY_get_octet_string_param(peer.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(),
                                                    &point_size) == 1,
                "ECDH");
    point.resize(point_size);
    const token::Token::Transaction transaction(use.token);
    use.token.verify(use.pin);
    if (!equal(use.token.derive(use.reference, use.algorithm, point), Bytes(secret).first(size))) not_decrypted(use);
}

}  // namespace

void check_by_client(token::Token& token, Bytes pin, const Expected& expected, const Checked& checked) {
    for (const auto& row : expected.certificates) {
        const auto der = ca::unhex(row.der);
        const ca::Cert certificate = ca::certificate_of_der(der);
        const ca::PKey key(X509_get_pubkey(certificate.get()));
        const std::uint8_t slot = ca::slot_of(ca::role_of_name(row.slot));
        if (!equal(token.read_certificate(slot), der)) {
            throw CaError(Fault::quality, mark("The certificate in slot %1 isn't the one that was issued for it."),
                          {row.slot});
        }
        const Use use{token, row.slot, slot, key.get(), token.metadata(slot).algorithm, pin};
        if (row.slot != "9D") {
            use_signature(use);
        } else if (is_rsa_key(key.get())) {
            use_decryption(use);
        } else {
            use_agreement(use);
        }
        checked("client:" + row.slot);
    }
}

}  // namespace sealkey::bench
