#include "sign/token_key.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "seal/sm2.h"
#include "sign/error.h"

namespace sealkey::sign {

namespace {

protocol::Algorithm algorithm_of(EVP_PKEY* key) {
    const int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        if (bits == 2048) return protocol::Algorithm::rsa2048;
        if (bits == 3072) return protocol::Algorithm::rsa3072;
        if (bits == 4096) return protocol::Algorithm::rsa4096;
    }
    if (EVP_PKEY_is_a(key, "EC") == 1) {
        if (bits == 256) return protocol::Algorithm::p256;
        if (bits == 384) return protocol::Algorithm::p384;
    }
    throw SignError(Fault::unsupported_key, mark("Signatures are made with RSA from 2048 bits, P-256 and P-384."));
}

bool fits(EVP_PKEY* key, Bytes digest, Bytes signature) {
    seal::PKeyCtx context(EVP_PKEY_CTX_new(key, nullptr));
    const bool right =
        context && EVP_PKEY_verify_init(context.get()) == 1 &&
        EVP_PKEY_CTX_set_signature_md(context.get(), digest_for(key)) == 1 &&
        EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(), digest.size()) == 1;
    ERR_clear_error();
    return right;
}

}  // namespace

TokenKey::TokenKey(token::Token& token, std::uint8_t slot, PinEntry enter_pin)
    : token_(token), slot_(slot), enter_pin_(std::move(enter_pin)) {
    try {
        certificate_ = token.read_certificate(slot);
    } catch (const token::TokenError& error) {
        if (error.kind() != token::Kind::not_found) throw;
        throw SignError(Fault::no_certificate, mark("The key has no certificate for signatures."));
    }
    const auto issuer = token.find_object(protocol::object::issuer_certificate);
    if (!issuer) return;
    // Written as it is, or wrapped like other certificates. One that isn't this certificate's issuer stays at home.
    const bool wrapped = !issuer->empty() && issuer->front() == protocol::tag::certificate;
    const ByteVector der = wrapped ? token::certificate_of_object(*issuer) : *issuer;
    const seal::Cert own = seal::certificate_of_der(certificate_);
    const seal::Cert above = seal::certificate_of_der(der);
    if (X509_check_issued(above.get(), own.get()) == X509_V_OK) chain_.push_back(der);
}

ByteVector TokenKey::sign(Bytes digest) {
    const seal::Cert certificate = seal::certificate_of_der(certificate_);
    EVP_PKEY* key = X509_get0_pubkey(certificate.get());
    const protocol::Algorithm algorithm = algorithm_of(key);
    const bool rsa = EVP_PKEY_is_a(key, "RSA") == 1;
    const ByteVector input =
        rsa ? pkcs1_block(digest_for(key), digest, static_cast<std::size_t>(EVP_PKEY_get_size(key)))
            : ByteVector(digest.begin(), digest.end());
    const auto present_pin = enter_pin_();
    ByteVector signature;
    {
        token::Token::Transaction transaction(token_);
        present_pin(token_);
        signature = token_.sign(slot_, algorithm, input);
    }
    if (!fits(key, digest, signature))
        throw SignError(Fault::wrong_key, mark("The key's signature doesn't fit its certificate."));
    return signature;
}

std::optional<ByteVector> read_seal(token::Token& token, const token::Progress& progress) {
    const token::TokenStatus status = token.token_status();
    const token::ObjectInfo* info = status.object(protocol::object::seal);
    if (info == nullptr) return std::nullopt;
    return token.read_in_parts(protocol::object::seal, info->length, progress);
}

}  // namespace sealkey::sign
