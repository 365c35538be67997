#include "operations.h"

#include "base/bytes.h"

namespace sealkey::pkcs11 {

namespace {
// Longest input of a mechanism that doesn't hash: a block of the largest key.
constexpr std::size_t kLongestRaw = 512;
}  // namespace

MessageOperation::MessageOperation(const Mechanism& mechanism, const CK_MECHANISM& given, const TokenKey& key)
    : mechanism_(mechanism), key_(key) {
    require_key_type(mechanism, *key.algorithm);
    parameters_ = parse_parameters(mechanism, given);
    if (mechanism.hash != Hash::none) hasher_.emplace(mechanism.hash);
}

MessageOperation::~MessageOperation() { wipe(data_); }

void MessageOperation::update(ByteView data) {
    updated_ = true;
    if (hasher_) {
        hasher_->update(data);
        return;
    }
    require(data_.size() + data.size() <= kLongestRaw, CKR_DATA_LEN_RANGE);
    data_.insert(data_.end(), data.begin(), data.end());
}

ByteVector MessageOperation::message() { return hasher_ ? hasher_->finish() : data_; }

ByteVector MessageOperation::sign(Card& card, CK_SESSION_HANDLE session) {
    const ByteVector input = signing_input(mechanism_, parameters_, *key_.algorithm, message());
    return signature_of_answer(mechanism_, *key_.algorithm, card.sign(session, key_, input));
}

void MessageOperation::verify(Card& card, ByteView signature) {
    verify_signature(mechanism_, parameters_, *key_.algorithm, card.public_parts(key_), message(), signature);
}

CipherOperation::CipherOperation(const Mechanism& mechanism, const CK_MECHANISM& given, const TokenKey& key)
    : mechanism_(mechanism), key_(key) {
    require_key_type(mechanism, *key.algorithm);
    parameters_ = parse_parameters(mechanism, given);
}

CipherOperation::~CipherOperation() {
    if (plaintext_) wipe(*plaintext_);
}

ByteVector CipherOperation::encrypt(Card& card, ByteView data) {
    return pkcs11::encrypt(mechanism_, parameters_, *key_.algorithm, card.public_parts(key_), data);
}

const ByteVector& CipherOperation::decrypt(Card& card, CK_SESSION_HANDLE session, ByteView block) {
    if (!plaintext_) {
        require(block.size() == ciphertext_size(), CKR_ENCRYPTED_DATA_LEN_RANGE);
        ByteVector padded = card.decrypt(session, key_, block);
        // The token may leave leading zeros out.
        require(padded.size() <= block.size(), CKR_DEVICE_ERROR);
        padded.insert(padded.begin(), block.size() - padded.size(), 0);
        try {
            plaintext_ = decrypted(mechanism_, parameters_, padded);
        } catch (...) {
            wipe(padded);
            throw;
        }
        wipe(padded);
    }
    return *plaintext_;
}

}  // namespace sealkey::pkcs11
