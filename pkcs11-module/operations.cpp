#include "operations.h"

#include "base/bytes.h"

namespace sealkey::pkcs11 {

namespace {
// Longest input of a mechanism that doesn't hash: a block of the largest key.
constexpr std::size_t kLongestRaw = 512;
}  // namespace

// --- messages ---

MessageOperation::MessageOperation(const Mechanism& mechanism, const CK_MECHANISM& given, const Key& key)
    : mechanism_(mechanism), key_(key) {
    parameters_ = parse_parameters(mechanism, given);
    if (mechanism.symmetric()) {
        mac_.emplace(mechanism, key.host->secret);
    } else if (mechanism.hash != Hash::none) {
        hasher_.emplace(mechanism.hash);
    }
}

MessageOperation::~MessageOperation() { wipe(data_); }

void MessageOperation::update(ByteView data) {
    updated_ = true;
    if (mac_) {
        mac_->update(data);
    } else if (hasher_) {
        hasher_->update(data);
    } else {
        require(data_.size() + data.size() <= kLongestRaw, CKR_DATA_LEN_RANGE);
        data_.insert(data_.end(), data.begin(), data.end());
    }
}

ByteVector MessageOperation::message() { return hasher_ ? hasher_->finish() : data_; }

ByteVector MessageOperation::sign(Card& card, CK_SESSION_HANDLE session) {
    if (mac_) return mac_->finish();
    const ByteVector input = signing_input(mechanism_, parameters_, *key_.algorithm, message());
    ByteVector signature = signature_of_answer(mechanism_, *key_.algorithm, card.sign(session, key_, input));
    const auto parts = card.known_parts(key_);
    if (parts && !answers(*key_.algorithm, *parts, input, signature)) card.refuse_signature(key_);
    return signature;
}

void MessageOperation::verify(Card& card, ByteView signature) {
    if (mac_) {
        require(signature.size() == mac_->size(), CKR_SIGNATURE_LEN_RANGE);
        require(constant_time_equal(mac_->finish(), signature), CKR_SIGNATURE_INVALID);
        return;
    }
    verify_signature(mechanism_, parameters_, *key_.algorithm, card.public_parts(key_), message(), signature);
}

ByteVector MessageOperation::recover(Card& card, ByteView signature) {
    return recovered(mechanism_, card.public_parts(key_), signature);
}

// --- ciphers ---

CipherOperation::CipherOperation(const Mechanism& mechanism, const CK_MECHANISM& given, const Key& key, bool encrypt)
    : mechanism_(mechanism), key_(key), encrypt_(encrypt) {
    switch (mechanism.scheme) {
        case Scheme::aes_ecb:
        case Scheme::aes_cbc:
        case Scheme::aes_cbc_pad:
        case Scheme::aes_ctr:
            stream_.emplace(mechanism, given, key.host->secret, encrypt);
            break;
        case Scheme::aes_gcm:
        case Scheme::aes_wrap:
        case Scheme::aes_wrap_pad:
            whole_.emplace(mechanism, given, key.host->secret);
            break;
        default:
            parameters_ = parse_parameters(mechanism, given);
    }
}

CipherOperation::~CipherOperation() {
    wipe(collected_);
    if (result_) wipe(*result_);
}

std::size_t CipherOperation::longest(std::size_t input) const {
    if (result_) return result_->size();
    if (stream_) return stream_->longest(input);
    if (whole_) return whole_->longest(collected_.size() + input, encrypt_);
    // The true length of a plaintext would cost an operation of the token.
    return encrypt_ ? key_.algorithm->bytes() : longest_plaintext(mechanism_, parameters_, *key_.algorithm);
}

void CipherOperation::collect(ByteView data) {
    const CK_RV too_long = encrypt_ ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
    require(whole_ || collected_.size() + data.size() <= key_.algorithm->bytes(), too_long);
    ByteVector longer;
    longer.reserve(collected_.size() + data.size());
    longer.insert(longer.end(), collected_.begin(), collected_.end());
    longer.insert(longer.end(), data.begin(), data.end());
    wipe(collected_);
    collected_ = std::move(longer);
}

ByteVector CipherOperation::update(ByteView data) {
    updated_ = true;
    if (stream_) return stream_->update(data);
    collect(data);
    return {};
}

const ByteVector& CipherOperation::finish(Card& card, CK_SESSION_HANDLE session, ByteView last) {
    if (result_) {
        require(digest(Hash::sha256, last) == result_of_, CKR_ENCRYPTED_DATA_INVALID);
        return *result_;
    }
    if (stream_) {
        ByteVector out = stream_->update(last);
        ByteVector end = stream_->finish();
        out.insert(out.end(), end.begin(), end.end());
        wipe(end);
        result_ = std::move(out);
        return *result_;
    }
    collect(last);
    if (whole_) {
        result_ = encrypt_ ? whole_->encrypt(collected_) : whole_->decrypt(collected_);
    } else {
        result_ = encrypt_ ? with_public_key(card) : with_private_key(card, session);
    }
    return *result_;
}

void CipherOperation::keep_for(ByteView last) { result_of_ = digest(Hash::sha256, last); }

ByteVector CipherOperation::with_public_key(Card& card) {
    return pkcs11::encrypt(mechanism_, parameters_, *key_.algorithm, card.public_parts(key_), collected_);
}

ByteVector CipherOperation::with_private_key(Card& card, CK_SESSION_HANDLE session) {
    require(collected_.size() == key_.algorithm->bytes(), CKR_ENCRYPTED_DATA_LEN_RANGE);
    ByteVector padded = card.decrypt(session, key_, collected_);
    // The token may leave leading zeros out.
    require(padded.size() <= collected_.size(), CKR_DEVICE_ERROR);
    padded.insert(padded.begin(), collected_.size() - padded.size(), 0);
    try {
        ByteVector plaintext = decrypted(mechanism_, parameters_, padded);
        wipe(padded);
        return plaintext;
    } catch (...) {
        wipe(padded);
        throw;
    }
}

}  // namespace sealkey::pkcs11
