#include "token/scp03.h"

#include <algorithm>

#include "base/bytes.h"
#include "token/error.h"

namespace sealkey::token {

namespace {

using protocol::ChannelDerivation;
using protocol::ChannelIns;

constexpr std::size_t kBlock = 16;
constexpr std::size_t kMac = protocol::kChannelMacSize;
constexpr std::size_t kShortLc = 255;
constexpr std::uint8_t kPadding = 0x80;
constexpr std::uint8_t kAllKeys = 0x81;  // P2 of PUT KEY: key 1 and those after it
constexpr char kOpening[] = "opening the secure channel";

bool is_key_size(std::size_t size) { return size == 16 || size == 24 || size == 32; }

[[noreturn]] void malformed(const std::string& action) {
    throw TokenError(Kind::malformed_answer, action + ": the answer breaks its format");
}

void derive_key(ChannelCrypto& crypto, const Secret<32>& from, ChannelDerivation constant, Bytes context,
                Secret<32>& out) {
    out.resize(from.size());
    channel_derive(crypto, from.bytes(), static_cast<std::uint8_t>(constant), context, out.buffer().first(from.size()));
}

}  // namespace

ChannelKeys ChannelKeys::copy() const {
    ChannelKeys out;
    out.version = version;
    out.enc.assign(enc.bytes());
    out.mac.assign(mac.bytes());
    out.dek.assign(dek.bytes());
    return out;
}

void channel_derive(ChannelCrypto& crypto, Bytes key, std::uint8_t constant, Bytes context, MutableBytes out) {
    std::array<std::uint8_t, 16> head{};  // 11 x 00, constant, 00, L(2, bits), i
    head[11] = constant;
    store_be16(&head[13], static_cast<std::uint16_t>(out.size() * 8));
    while (!out.empty()) {
        ++head[15];
        auto block = crypto.cmac(key, {head, context});
        const std::size_t piece = std::min(out.size(), block.size());
        std::copy_n(block.begin(), piece, out.begin());
        wipe(block);
        out = out.subspan(piece);
    }
}

ChannelKeys diversified_keys(ChannelCrypto& crypto, Bytes master, std::uint8_t version, Bytes kdd) {
    if (!is_key_size(master.size()) || kdd.size() != protocol::kKddSize) {
        throw TokenError(Kind::bad_argument, "a channel master or its diversification data has a wrong length");
    }
    ChannelKeys keys;
    keys.version = version;
    const auto make = [&](std::uint8_t constant, Secret<32>& out) {
        out.resize(master.size());
        channel_derive(crypto, master, constant, kdd, out.buffer().first(master.size()));
    };
    make(kDiversifyEnc, keys.enc);
    make(kDiversifyMac, keys.mac);
    make(kDiversifyDek, keys.dek);
    return keys;
}

std::array<std::uint8_t, protocol::kKcvSize> key_check_value(ChannelCrypto& crypto, Bytes key) {
    std::array<std::uint8_t, kBlock> block{};
    block.fill(0x01);
    const std::array<std::uint8_t, kBlock> zero{};
    crypto.aes_cbc(true, key, zero, block, block);
    std::array<std::uint8_t, protocol::kKcvSize> out{};
    std::copy_n(block.begin(), out.size(), out.begin());
    wipe(block);
    return out;
}

Scp03Session::Scp03Session(ChannelCrypto& crypto, const ChannelKeys& keys, protocol::SecurityLevel level,
                           Bytes application)
    : crypto_(crypto), keys_(keys.copy()), level_(level), application_(application.begin(), application.end()) {
    const std::size_t size = keys.enc.size();
    if (!is_key_size(size) || keys.mac.size() != size || keys.dek.size() != size) {
        throw TokenError(Kind::bad_argument, "the secure channel's keys have 16, 24 or 32 bytes, all the same");
    }
    crypto_.random(host_challenge_);
}

void Scp03Session::close() {
    state_ = State::closed;
    encryption_.clear();
    mac_.clear();
    response_mac_.clear();
    keys_ = {};
    wipe(chaining_);
}

void Scp03Session::refuse(const char* what) {
    close();
    throw TokenError(Kind::lying_token, what);
}

std::array<std::uint8_t, protocol::kChallengeSize> Scp03Session::expected_challenge(Bytes counter) {
    ByteVector context(counter.begin(), counter.end());
    context.insert(context.end(), application_.begin(), application_.end());
    std::array<std::uint8_t, protocol::kChallengeSize> out{};
    channel_derive(crypto_, keys_.enc.bytes(), static_cast<std::uint8_t>(ChannelDerivation::card_challenge), context,
                   out);
    return out;
}

OwnedCommand Scp03Session::initialize_update() const {
    OwnedCommand out;
    out.cla = 0x80;
    out.ins = static_cast<std::uint8_t>(ChannelIns::initialize_update);
    out.p1 = keys_.version;
    out.data.assign(host_challenge_.begin(), host_challenge_.end());
    out.expects_data = true;
    return out;
}

const CardIdentity& Scp03Session::check_card(const Answer& answer) {
    if (state_ != State::fresh) throw TokenError(Kind::bad_argument, "a session is opened once");
    state_ = State::closed;
    if (!answer.ok()) throw_status(kOpening, answer.status_word);
    const Bytes data = answer.data;
    if (data.size() != protocol::kInitializeUpdateAnswer || data[11] != protocol::kChannelProtocol ||
        data[12] != protocol::kChannelParameter) {
        malformed(kOpening);
    }
    std::copy_n(data.begin(), card_.kdd.size(), card_.kdd.begin());
    card_.version = data[10];
    card_.sequence = std::uint32_t{data[29]} << 16 | load_be16(&data[30]);
    if (keys_.version != 0 && card_.version != keys_.version) malformed(kOpening);

    std::copy_n(data.begin() + 13, protocol::kChallengeSize,
                std::copy(host_challenge_.begin(), host_challenge_.end(), context_.begin()));
    derive_key(crypto_, keys_.enc, ChannelDerivation::encryption, context_, encryption_);
    derive_key(crypto_, keys_.mac, ChannelDerivation::mac, context_, mac_);
    derive_key(crypto_, keys_.mac, ChannelDerivation::response_mac, context_, response_mac_);
    std::array<std::uint8_t, protocol::kCryptogramSize> expected{};
    channel_derive(crypto_, mac_.bytes(), static_cast<std::uint8_t>(ChannelDerivation::card_cryptogram), context_,
                   expected);
    // Before the host proves anything: a card that doesn't know the keys learns nothing from us.
    if (!constant_time_equal(expected, data.subspan(21, protocol::kCryptogramSize))) {
        refuse("opening the secure channel: the token doesn't know these keys");
    }
    if (!constant_time_equal(expected_challenge(data.subspan(29)), data.subspan(13, protocol::kChallengeSize))) {
        refuse("opening the secure channel: the token's challenge isn't that of its counter");
    }
    state_ = State::checked;
    return card_;
}

OwnedCommand Scp03Session::external_authenticate() {
    if (state_ != State::checked) throw TokenError(Kind::bad_argument, "the card's cryptogram wasn't checked");
    OwnedCommand out;
    out.cla = protocol::kClaSecureOwn;
    out.ins = static_cast<std::uint8_t>(ChannelIns::external_authenticate);
    out.p1 = static_cast<std::uint8_t>(level_);
    out.data.resize(protocol::kCryptogramSize);
    channel_derive(crypto_, mac_.bytes(), static_cast<std::uint8_t>(ChannelDerivation::host_cryptogram), context_,
                   out.data);
    append_mac(out);
    return out;
}

void Scp03Session::accept(const Answer& answer) {
    if (state_ != State::checked) throw TokenError(Kind::bad_argument, "nothing was asked");
    if (!answer.ok()) {
        close();
        if (answer.status_word == protocol::sw::authentication_failed) {
            throw TokenError(Kind::not_verified, "the token refuses the host's cryptogram", answer.status_word);
        }
        throw_status(kOpening, answer.status_word);
    }
    keys_ = {};
    state_ = State::open;
}

void Scp03Session::append_mac(OwnedCommand& command) {
    const std::size_t length = command.data.size() + kMac;
    std::array<std::uint8_t, 7> head = {command.cla, command.ins, command.p1, command.p2};
    std::size_t head_size = 5;
    if (length <= kShortLc) {
        head[4] = static_cast<std::uint8_t>(length);
    } else {
        store_be16(&head[5], static_cast<std::uint16_t>(length));
        head_size = 7;
    }
    chaining_ = crypto_.cmac(mac_.bytes(), {chaining_, Bytes(head).first(head_size), command.data});
    command.data.insert(command.data.end(), chaining_.begin(), chaining_.begin() + kMac);
}

std::array<std::uint8_t, 16> Scp03Session::initial_vector(bool response) {
    std::array<std::uint8_t, kBlock> block{};
    store_be32(&block[12], counter_);
    if (response) block[0] = 0x80;
    const std::array<std::uint8_t, kBlock> zero{};
    crypto_.aes_cbc(true, encryption_.bytes(), zero, block, block);
    return block;
}

void Scp03Session::encipher(ByteVector& data) {
    data.reserve(data.size() + kBlock + kMac);  // so that no plain copy is left behind by growing
    data.push_back(kPadding);
    data.resize((data.size() + kBlock - 1) / kBlock * kBlock, 0);
    crypto_.aes_cbc(true, encryption_.bytes(), initial_vector(false), data, data);
}

OwnedCommand Scp03Session::wrap(const Command& command) {
    if (!open()) throw TokenError(Kind::bad_argument, "the secure channel isn't open");
    OwnedCommand out;
    out.cla = static_cast<std::uint8_t>(command.cla | protocol::kClaSecure);
    out.ins = command.ins;
    out.p1 = command.p1;
    out.p2 = command.p2;
    out.expects_data = command.expects_data || has(protocol::kLevelResponseMac);
    out.data.reserve(command.data.size() + 2 * kBlock);
    out.data.assign(command.data.begin(), command.data.end());
    ++counter_;
    if (has(protocol::kLevelEncryption) && !out.data.empty()) encipher(out.data);
    append_mac(out);
    return out;
}

void Scp03Session::decipher(ByteVector& data) {
    if (data.size() % kBlock != 0) refuse("the token's answer isn't whole blocks");
    crypto_.aes_cbc(false, encryption_.bytes(), initial_vector(true), data, data);
    // What stands under a right MAC was padded by the token; some cards pad by a block more than they need.
    while (!data.empty() && data.back() == 0) data.pop_back();
    if (data.empty() || data.back() != kPadding) refuse("the token's answer is padded wrongly");
    data.pop_back();
}

Answer Scp03Session::unwrap(const Answer& answer) {
    if (!open()) throw TokenError(Kind::bad_argument, "the secure channel isn't open");
    if (!has(protocol::kLevelResponseMac)) return answer;
    if (!protocol::is_protected_answer(answer.status_word)) {
        if (!answer.data.empty()) refuse("an error of the token carries data");
        return answer;
    }
    if (answer.data.size() < kMac) refuse("the token's answer has no MAC: it was changed on the way");
    const std::size_t size = answer.data.size() - kMac;
    const Bytes data = answer.data;
    std::array<std::uint8_t, 2> word{};
    store_be16(word.data(), answer.status_word);
    const auto mac = crypto_.cmac(response_mac_.bytes(), {chaining_, data.first(size), word});
    if (!constant_time_equal(Bytes(mac).first(kMac), data.subspan(size))) {
        refuse("the token's answer was changed on the way");
    }
    Answer out{{data.begin(), data.begin() + static_cast<std::ptrdiff_t>(size)}, answer.status_word};
    if (has(protocol::kLevelResponseEncryption) && size > 0) decipher(out.data);
    return out;
}

void open_session(Scp03Session& session, const Carry& carry) {
    session.check_card(carry(session.initialize_update().command()));
    session.accept(carry(session.external_authenticate().command()));
}

OwnedCommand put_key_command(ChannelCrypto& crypto, std::uint8_t replaces, Bytes dek, const ChannelKeys& keys) {
    OwnedCommand out;
    out.cla = 0x80;
    out.ins = static_cast<std::uint8_t>(ChannelIns::put_key);
    out.p1 = replaces;
    out.p2 = kAllKeys;
    out.expects_data = true;
    out.data.push_back(keys.version);
    const std::array<std::uint8_t, kBlock> zero{};
    for (const Secret<32>* key : {&keys.enc, &keys.mac, &keys.dek}) {
        if (!is_key_size(key->size())) throw TokenError(Kind::bad_argument, "a channel key has a wrong length");
        Secret<32> padded;
        const std::size_t whole = (key->size() + kBlock - 1) / kBlock * kBlock;
        std::copy(key->bytes().begin(), key->bytes().end(), padded.buffer().begin());
        padded.resize(whole);
        std::array<std::uint8_t, 32> sealed{};
        crypto.aes_cbc(true, dek, zero, padded.bytes(), MutableBytes(sealed).first(whole));
        out.data.push_back(protocol::kAesKeyType);
        out.data.push_back(static_cast<std::uint8_t>(whole + 1));
        out.data.push_back(static_cast<std::uint8_t>(key->size()));
        out.data.insert(out.data.end(), sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(whole));
        const auto kcv = key_check_value(crypto, key->bytes());
        out.data.push_back(static_cast<std::uint8_t>(kcv.size()));
        out.data.insert(out.data.end(), kcv.begin(), kcv.end());
    }
    return out;
}

void check_put_key(ChannelCrypto& crypto, const ChannelKeys& keys, const Answer& answer) {
    if (!answer.ok()) throw_status("replacing the channel's keys", answer.status_word);
    ByteVector expected{keys.version};
    for (const Secret<32>* key : {&keys.enc, &keys.mac, &keys.dek}) {
        const auto kcv = key_check_value(crypto, key->bytes());
        expected.insert(expected.end(), kcv.begin(), kcv.end());
    }
    if (answer.data != expected) {
        throw TokenError(Kind::lying_token, "replacing the channel's keys: the token confirms other keys");
    }
}

}  // namespace sealkey::token
