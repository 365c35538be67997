// The operations that a session can be in the middle of. Each owns its state; a session holds at most one of a kind.
#pragma once

#include <optional>

#include "card.h"
#include "mechanisms.h"
#include "symmetric.h"

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

// Signing and verifying: collects the message, its hash, or its authentication code.
class MessageOperation {
public:
    // CKR_MECHANISM_PARAM_INVALID
    MessageOperation(const Mechanism& mechanism, const CK_MECHANISM& given, const Key& key);
    ~MessageOperation();
    MessageOperation(const MessageOperation&) = delete;
    MessageOperation& operator=(const MessageOperation&) = delete;

    [[nodiscard]] const Key& key() const { return key_; }
    [[nodiscard]] std::size_t signature_size() const { return mac_ ? mac_->size() : key_.algorithm->signature_size(); }
    [[nodiscard]] bool updated() const { return updated_; }
    void update(ByteView data);  // CKR_DATA_LEN_RANGE
    [[nodiscard]] ByteVector sign(Card& card, CK_SESSION_HANDLE session);
    void verify(Card& card, ByteView signature);
    // What the signature holds, where the mechanism has recovery.
    [[nodiscard]] ByteVector recover(Card& card, ByteView signature);

private:
    [[nodiscard]] ByteVector message();

    const Mechanism& mechanism_;
    MechanismParameters parameters_;
    Key key_;
    std::optional<Hasher> hasher_;
    std::optional<Mac> mac_;
    ByteVector data_;
    bool updated_ = false;
};

// Encrypting or decrypting: as a stream where the mode allows it, else the whole once it is there.
class CipherOperation {
public:
    CipherOperation(const Mechanism& mechanism, const CK_MECHANISM& given, const Key& key, bool encrypt);
    ~CipherOperation();
    CipherOperation(const CipherOperation&) = delete;
    CipherOperation& operator=(const CipherOperation&) = delete;

    [[nodiscard]] const Key& key() const { return key_; }
    [[nodiscard]] bool updated() const { return updated_; }
    // What update() gives, exactly; and the most that finish() can give if this much follows.
    [[nodiscard]] std::size_t update_size(std::size_t input) const { return stream_ ? stream_->update_size(input) : 0; }
    [[nodiscard]] std::size_t longest(std::size_t input) const;
    [[nodiscard]] ByteVector update(ByteView data);  // CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_LEN_RANGE
    // Done once: after keep_for(), which says that there was no room for it, a second call with the same input gets the
    // same; with another CKR_ENCRYPTED_DATA_INVALID.
    [[nodiscard]] const ByteVector& finish(Card& card, CK_SESSION_HANDLE session, ByteView last);
    void keep_for(ByteView last);

private:
    void collect(ByteView data);
    [[nodiscard]] ByteVector with_public_key(Card& card);
    [[nodiscard]] ByteVector with_private_key(Card& card, CK_SESSION_HANDLE session);

    const Mechanism& mechanism_;
    MechanismParameters parameters_;
    Key key_;
    bool encrypt_;
    std::optional<BlockStream> stream_;
    std::optional<WholeCipher> whole_;
    ByteVector collected_;
    std::optional<ByteVector> result_;
    ByteVector result_of_;  // the hash of its last input
    bool updated_ = false;
};

}  // namespace sealkey::pkcs11
