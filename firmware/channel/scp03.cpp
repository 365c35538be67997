#include "channel/scp03.h"

#include <algorithm>

#include "crypto/aes.h"
#include "crypto/cmac.h"

namespace sealkey::channel {

namespace {

namespace sw = protocol::sw;
using iso7816::Header;
using protocol::ChannelDerivation;

constexpr std::size_t kBlock = crypto::kAesBlock;
constexpr std::size_t kMac = protocol::kChannelMacSize;
constexpr std::size_t kShortest = 255;  // a longer body has an extended Lc
constexpr std::uint8_t kPadding = 0x80;
constexpr std::uint8_t kResponseVector = 0x80;  // the first byte of an answer's counter block

Status derive(const Secret<32>& key, ChannelDerivation constant, Bytes context, MutableBytes out) {
    return channel::derive(key.bytes(), static_cast<std::uint8_t>(constant), context, out);
}

}  // namespace

Status derive(Bytes key, std::uint8_t constant, Bytes context, MutableBytes out) {
    if (out.empty() || out.size() > 2 * crypto::kCmacSize) return Error::invalid;
    std::array<std::uint8_t, 16> head{};  // 11 x 00, constant, 00, L(2, bits), i
    head[11] = constant;
    store_be16(&head[13], static_cast<std::uint16_t>(out.size() * 8));
    for (MutableBytes rest = out; !rest.empty();) {
        ++head[15];
        auto block = crypto::cmac(key, {head, context});
        if (!block) {
            wipe(out);
            return block.error();
        }
        const std::size_t piece = std::min(rest.size(), block->size());
        std::copy_n(block->begin(), piece, rest.begin());
        wipe(*block);
        rest = rest.subspan(piece);
    }
    return {};
}

Result<Challenge> card_challenge(const Keys& keys, Bytes sequence_counter, Bytes aid) {
    std::array<std::uint8_t, protocol::kSequenceCounterSize + 16> context{};
    if (sequence_counter.size() != protocol::kSequenceCounterSize || aid.size() > 16) return Error::invalid;
    std::copy(aid.begin(), aid.end(), std::copy(sequence_counter.begin(), sequence_counter.end(), context.begin()));
    Challenge out{};
    const Bytes used = Bytes(context).first(sequence_counter.size() + aid.size());
    if (Status s = derive(keys.enc, ChannelDerivation::card_challenge, used, out); !s) return s.error();
    return out;
}

Result<std::array<std::uint8_t, protocol::kKcvSize>> key_check_value(Bytes key) {
    std::array<std::uint8_t, kBlock> block{};
    block.fill(0x01);
    if (Status s = crypto::aes_encrypt_block(key, crypto::ConstBlock(block), crypto::Block(block)); !s) {
        return s.error();
    }
    std::array<std::uint8_t, protocol::kKcvSize> out{};
    std::copy_n(block.begin(), out.size(), out.begin());
    wipe(block);
    return out;
}

void Scp03::close() {
    state_ = State::closed;
    level_ = SecurityLevel::none;
    encryption_.clear();
    mac_.clear();
    response_mac_.clear();
    host_cryptogram_.clear();
    wipe(chaining_);
    counter_ = 0;
}

Status Scp03::make_session(const Keys& keys, Bytes context) {
    const std::size_t size = keys.enc.size();
    for (Secret<32>* key : {&encryption_, &mac_, &response_mac_}) key->resize(size);
    host_cryptogram_.resize(host_cryptogram_.capacity());
    struct Row {
        const Secret<32>& from;
        ChannelDerivation constant;
        MutableBytes to;
    };
    const Row rows[] = {
        {keys.enc, ChannelDerivation::encryption, encryption_.buffer().first(size)},
        {keys.mac, ChannelDerivation::mac, mac_.buffer().first(size)},
        {keys.mac, ChannelDerivation::response_mac, response_mac_.buffer().first(size)},
        {mac_, ChannelDerivation::host_cryptogram, host_cryptogram_.buffer()},
    };
    for (const Row& row : rows) {
        if (Status s = derive(row.from, row.constant, context, row.to); !s) return s;
    }
    return {};
}

Result<Cryptogram> Scp03::begin(const Keys& keys, Bytes host_challenge, const Challenge& card_challenge) {
    close();
    if (!keys.valid() || host_challenge.size() != protocol::kChallengeSize) return Error::invalid;
    std::array<std::uint8_t, 2 * protocol::kChallengeSize> context{};
    std::copy(card_challenge.begin(), card_challenge.end(),
              std::copy(host_challenge.begin(), host_challenge.end(), context.begin()));
    Cryptogram cryptogram{};
    Status made = make_session(keys, context);
    if (made) made = derive(mac_, ChannelDerivation::card_cryptogram, context, cryptogram);
    if (!made) {
        close();
        return made.error();
    }
    state_ = State::challenged;
    return cryptogram;
}

// Over the chaining value, the header, Lc as it would stand in one APDU, and the body before its MAC.
bool Scp03::mac_is_right(const Header& header, Bytes data, Bytes mac) {
    const std::size_t length = data.size() + kMac;
    std::array<std::uint8_t, 7> head = {header.cla, header.ins, header.p1, header.p2};
    std::size_t head_size = 5;
    if (length <= kShortest) {
        head[4] = static_cast<std::uint8_t>(length);
    } else {
        store_be16(&head[5], static_cast<std::uint16_t>(length));
        head_size = 7;
    }
    const auto whole = crypto::cmac(mac_.bytes(), {chaining_, Bytes(head).first(head_size), data});
    if (!whole || !constant_time_equal(Bytes(*whole).first(kMac), mac)) return false;
    chaining_ = *whole;
    return true;
}

StatusWord Scp03::authenticate(const Header& header, Bytes data) {
    if (state_ != State::challenged) {
        close();
        return sw::conditions_not_satisfied;
    }
    StatusWord status = sw::ok;
    if (!protocol::is_security_level(header.p1) || header.p2 != 0) {
        status = sw::wrong_p1p2;
    } else if (data.size() != protocol::kCryptogramSize + kMac) {
        status = sw::wrong_length;
    } else {
        const Bytes cryptogram = data.first(protocol::kCryptogramSize);
        const bool known = constant_time_equal(host_cryptogram_.bytes(), cryptogram);
        const bool whole = mac_is_right(header, cryptogram, data.subspan(protocol::kCryptogramSize));
        if (!known || !whole) status = sw::authentication_failed;
    }
    if (status != sw::ok) {
        close();
        return status;
    }
    host_cryptogram_.clear();
    level_ = static_cast<SecurityLevel>(header.p1);
    state_ = State::open;
    return sw::ok;
}

Status Scp03::initial_vector(bool response, std::array<std::uint8_t, 16>& out) const {
    out.fill(0);
    store_be32(&out[12], counter_);
    if (response) out[0] = kResponseVector;
    return crypto::aes_encrypt_block(encryption_.bytes(), crypto::ConstBlock(out), crypto::Block(out));
}

Result<std::size_t, StatusWord> Scp03::decipher(MutableBytes data) const {
    if (data.size() % kBlock != 0) return sw::secure_messaging_incorrect;
    std::array<std::uint8_t, kBlock> vector{};
    Status done = initial_vector(false, vector);
    if (done) done = crypto::aes_cbc_decrypt(encryption_.bytes(), crypto::ConstBlock(vector), data, data);
    wipe(vector);
    if (!done) return sw::internal_error;
    std::size_t size = data.size() - 1;
    while (size > data.size() - kBlock && data[size] == 0) --size;
    if (data[size] != kPadding) return sw::secure_messaging_incorrect;
    return size;
}

Result<std::size_t, StatusWord> Scp03::unwrap(const Header& header, MutableBytes data) {
    if (!open()) {
        close();
        return sw::security_not_satisfied;
    }
    StatusWord failed = sw::ok;
    std::size_t size = 0;
    if (data.size() < kMac) {
        failed = sw::secure_messaging_incorrect;
    } else {
        size = data.size() - kMac;
        if (!mac_is_right(header, data.first(size), data.subspan(size))) failed = sw::security_not_satisfied;
    }
    if (failed == sw::ok) {
        ++counter_;
        if (has(protocol::kLevelEncryption) && size > 0) {
            const auto plain = decipher(data.first(size));
            if (plain) {
                size = *plain;
            } else {
                failed = plain.error();
            }
        }
    }
    if (failed != sw::ok) {
        close();
        wipe(data);
        return failed;
    }
    wipe(data.subspan(size));
    return size;
}

Result<std::size_t> Scp03::encipher(MutableBytes buffer, std::size_t size) const {
    const std::size_t whole = (size / kBlock + 1) * kBlock;
    std::fill(buffer.begin() + static_cast<std::ptrdiff_t>(size), buffer.begin() + static_cast<std::ptrdiff_t>(whole),
              std::uint8_t{0});
    buffer[size] = kPadding;
    std::array<std::uint8_t, kBlock> vector{};
    const MutableBytes text = buffer.first(whole);
    Status done = initial_vector(true, vector);
    if (done) done = crypto::aes_cbc_encrypt(encryption_.bytes(), crypto::ConstBlock(vector), text, text);
    wipe(vector);
    if (!done) return done.error();
    return whole;
}

Result<std::size_t> Scp03::wrap(StatusWord status, MutableBytes buffer, std::size_t size) {
    if (!open()) return Error::invalid;
    if (!protocol::is_protected_answer(status)) return std::size_t{0};
    if (!has(protocol::kLevelResponseMac)) return size;
    if (size > buffer.size() || buffer.size() - size < kWrapRoom) {
        close();
        return Error::too_large;
    }
    if (has(protocol::kLevelResponseEncryption) && size > 0) {
        const auto enciphered = encipher(buffer, size);
        if (!enciphered) {
            close();
            return enciphered.error();
        }
        size = *enciphered;
    }
    std::array<std::uint8_t, 2> word{};
    store_be16(word.data(), status);
    const auto mac = crypto::cmac(response_mac_.bytes(), {chaining_, buffer.first(size), word});
    if (!mac) {
        close();
        return mac.error();
    }
    std::copy_n(mac->begin(), kMac, buffer.begin() + static_cast<std::ptrdiff_t>(size));
    return size + kMac;
}

}  // namespace sealkey::channel
