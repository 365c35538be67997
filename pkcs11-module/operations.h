// The operations that a session can be in the middle of. Each owns its state; a session holds at most one of a kind.
#pragma once

#include <optional>

#include "card.h"
#include "mechanisms.h"

namespace sealkey::pkcs11 {

class DigestOperation {
public:
    explicit DigestOperation(Hash hash) : hasher_(hash), size_(hash_size(hash)) {}
    [[nodiscard]] std::size_t size() const { return size_; }
    void update(ByteView data) {
        updated_ = true;
        hasher_.update(data);
    }
    [[nodiscard]] bool updated() const { return updated_; }
    [[nodiscard]] ByteVector finish() { return hasher_.finish(); }

private:
    Hasher hasher_;
    std::size_t size_;
    bool updated_ = false;
};

// Signing and verifying: collects the message, or its hash.
class MessageOperation {
public:
    // CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_PARAM_INVALID
    MessageOperation(const Mechanism& mechanism, const CK_MECHANISM& given, const TokenKey& key);
    ~MessageOperation();
    MessageOperation(const MessageOperation&) = delete;
    MessageOperation& operator=(const MessageOperation&) = delete;

    [[nodiscard]] const TokenKey& key() const { return key_; }
    [[nodiscard]] std::size_t signature_size() const { return key_.algorithm->signature_size(); }
    [[nodiscard]] bool updated() const { return updated_; }
    void update(ByteView data);  // CKR_DATA_LEN_RANGE
    [[nodiscard]] ByteVector sign(Card& card, CK_SESSION_HANDLE session);
    void verify(Card& card, ByteView signature);

private:
    [[nodiscard]] ByteVector message();

    const Mechanism& mechanism_;
    MechanismParameters parameters_;
    TokenKey key_;
    std::optional<Hasher> hasher_;
    ByteVector data_;
    bool updated_ = false;
};

// Encrypting and decrypting: one block, in one part.
class CipherOperation {
public:
    CipherOperation(const Mechanism& mechanism, const CK_MECHANISM& given, const TokenKey& key);
    ~CipherOperation();
    CipherOperation(const CipherOperation&) = delete;
    CipherOperation& operator=(const CipherOperation&) = delete;

    [[nodiscard]] const TokenKey& key() const { return key_; }
    [[nodiscard]] std::size_t ciphertext_size() const { return key_.algorithm->bytes(); }
    [[nodiscard]] std::size_t longest_plaintext() const {
        return pkcs11::longest_plaintext(mechanism_, parameters_, *key_.algorithm);
    }
    [[nodiscard]] ByteVector encrypt(Card& card, ByteView data);
    // The token is asked once; a second call for want of room gets the same plaintext.
    [[nodiscard]] const ByteVector& decrypt(Card& card, CK_SESSION_HANDLE session, ByteView block);

private:
    const Mechanism& mechanism_;
    MechanismParameters parameters_;
    TokenKey key_;
    std::optional<ByteVector> plaintext_;
};

}  // namespace sealkey::pkcs11
