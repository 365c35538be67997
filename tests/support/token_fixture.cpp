#include "support/token_fixture.h"

#include <algorithm>
#include <iomanip>
#include <ostream>
#include <stdexcept>

#include "crypto/aes.h"
#include "crypto/kdf.h"
#include "crypto/tdes.h"
#include "support/test_keys.h"

namespace sealkey::testing {

namespace {

namespace st = protocol::status_tag;
using protocol::Ins;
using protocol::OwnIns;

constexpr std::size_t kMostWrapped = 4040;  // of a value, in one wrapped PUT DATA

std::uint8_t code(auto value) { return static_cast<std::uint8_t>(value); }

ByteVector sequence(std::uint8_t first, std::size_t count) {
    ByteVector out(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(first + i);
    return out;
}

void expect(const Reply& reply, const char* what) {
    if (reply.ok()) return;
    throw std::runtime_error(std::string(what) + ": the token answers " +
                             to_hex(std::array<std::uint8_t, 2>{code(reply.sw >> 8), code(reply.sw & 0xFF)}));
}

}  // namespace

ByteVector shipping_management_key() { return sequence(0x80, 32); }
ByteVector unlock_key() { return from_hex("c9991162a828e49bf892026372f92040ad0bfcfa2f1bfe018407426cad790d62"); }
ByteVector default_management_key() { return from_hex("010203040506070801020304050607080102030405060708"); }
ByteVector guid() { return sequence(0xA0, 16); }

ByteVector kdd() { return text("0123456789"); }

token::ChannelKeys transport_channel_keys() {
    token::ChannelKeys keys;
    keys.version = protocol::kTransportKvn;
    keys.enc.assign(sequence(0x41, 32));
    keys.mac.assign(sequence(0x42, 32));
    keys.dek.assign(sequence(0x43, 32));
    return keys;
}

token::ChannelKeys own_channel_keys() {
    token::ChannelKeys keys;
    keys.version = 1;
    keys.enc.assign(sequence(0x21, 32));
    keys.mac.assign(sequence(0x22, 32));
    keys.dek.assign(sequence(0x23, 32));
    return keys;
}

void PrintTo(const Reply& reply, std::ostream* out) {
    *out << to_hex(reply.data) << " SW " << std::hex << std::setw(4) << std::setfill('0') << reply.sw << std::dec;
}

ByteVector padded(std::string_view pin) {
    ByteVector out(pin.begin(), pin.end());
    out.resize(8, 0xFF);
    return out;
}
ByteVector text(std::string_view characters) { return {characters.begin(), characters.end()}; }

ByteVector concat(std::initializer_list<ByteVector> parts) {
    ByteVector out;
    for (const ByteVector& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}

ByteVector tlv(std::uint32_t tag, const ByteVector& value) {
    ByteVector out(value.size() + 9);
    TlvWriter writer(out);
    writer.put(tag, value);
    out.resize(writer.size());
    return out;
}

ByteVector certificate_object(const ByteVector& certificate) {
    return concat({tlv(0x70, certificate), tlv(0x71, {0x00}), tlv(0xFE, {})});
}

std::optional<ByteVector> find(const ByteVector& data, std::uint32_t tag) {
    const auto found = find_tlv(data, tag);
    if (!found) return std::nullopt;
    return ByteVector(found->begin(), found->end());
}

TestToken::TestToken(platform::FlashGeometry geometry, std::uint64_t seed)
    : parts_(geometry, seed), crypto_([this](MutableBytes out) { std::fill(out.begin(), out.end(), ++challenge_); }) {
    token_ = std::make_unique<applet::Token>(parts_.platform);
}

channel::Keys firmware_keys(const token::ChannelKeys& keys) {
    channel::Keys out;
    out.enc.assign(keys.enc.bytes());
    out.mac.assign(keys.mac.bytes());
    out.dek.assign(keys.dek.bytes());
    return out;
}

void TestToken::manufacture() {
    if (!token_->manufacture(firmware_keys(transport_channel_keys()))) throw std::runtime_error("manufacture failed");
    channel_keys_ = transport_channel_keys();
    if (!power_cycle()) throw std::runtime_error("a blank token doesn't start");
}

Status TestToken::power_cycle() {
    wrapping_ = false;
    host_.reset();
    token_ = std::make_unique<applet::Token>(parts_.platform);
    return token_->power_on();
}

Reply TestToken::initialise_command(Profile profile) {
    ByteVector data = concat({tlv(st::serial, text(kSerial)), tlv(st::profile, {code(profile)}),
                              tlv(st::numeric_serial, {0x00, 0x12, 0x34, 0x56}), tlv(0x8E, guid()), tlv(0x8F, kdd())});
    if (profile == Profile::shipping) {
        data = concat({data, tlv(0x8B, {kKvn}), tlv(0x8C, unlock_key()),
                       tlv(0x8D, concat({{code(Algorithm::aes256)}, shipping_management_key()}))});
    }
    return send(0x80, code(OwnIns::initialise), 0, 0, data);
}

void TestToken::open_birth(Profile profile) {
    if (open_channel() != sw::ok) throw std::runtime_error("transport keys refused");
    if (profile == Profile::shipping) expect(put_keys(own_channel_keys()), "PUT KEY");
    wrapping_ = true;
}

void TestToken::initialise(Profile profile) {
    open_birth(profile);
    expect(initialise_command(profile), "INITIALISE");
    wrapping_ = false;
}

void TestToken::secure() {
    if (authenticate() != sw::ok) throw std::runtime_error("the bench is refused");
    expect(set_lifecycle(Lifecycle::secured), "SET LIFECYCLE");
    wrapping_ = false;
}

void TestToken::activate(std::string_view pin) { expect(redeem(reset_code(), pin), "activation"); }

std::unique_ptr<TestToken> TestToken::personalised(Profile profile, platform::FlashGeometry geometry) {
    auto out = std::make_unique<TestToken>(geometry);
    out->manufacture();
    out->initialise(profile);
    if (profile == Profile::shipping) {
        out->secure();
        out->activate();
    }
    return out;
}

Reply TestToken::raw(const ByteVector& apdu) {
    ByteVector answer(65538);
    const std::size_t n = token_->transmit(apdu, answer);
    Reply reply;
    reply.sw = load_be16(answer.data() + n - 2);
    reply.data.assign(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(n - 2));
    return reply;
}

Reply TestToken::send(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, const ByteVector& data) {
    if (wrapping_) return secure(cla, ins, p1, p2, data);
    return send_plain(cla, ins, p1, p2, data);
}

Reply TestToken::send_plain(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2,
                            const ByteVector& data) {
    ByteVector apdu = {cla, ins, p1, p2, 0};
    if (!data.empty()) {
        apdu.push_back(static_cast<std::uint8_t>(data.size() >> 8));
        apdu.push_back(static_cast<std::uint8_t>(data.size()));
        apdu.insert(apdu.end(), data.begin(), data.end());
    }
    apdu.push_back(0);
    apdu.push_back(0);
    return collect(raw(apdu));
}

Reply TestToken::collect(Reply reply) {
    while (reply.sw >> 8 == 0x61) {
        const Reply more = raw("00 C0 00 00 00");
        reply.data.insert(reply.data.end(), more.data.begin(), more.data.end());
        reply.sw = more.sw;
    }
    return reply;
}

Reply TestToken::chain(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, const ByteVector& data,
                       std::size_t block) {
    if (wrapping_) {
        const token::OwnedCommand wrapped = host_->wrap({cla, ins, p1, p2, data, true});
        wrapping_ = false;
        const Reply reply = chain(wrapped.cla, ins, p1, p2, wrapped.data, block);
        wrapping_ = true;
        const token::Answer answer = host_->unwrap({reply.data, reply.sw});
        return {answer.data, answer.status_word};
    }
    Reply reply;
    for (std::size_t at = 0;;) {
        const std::size_t n = std::min(block, data.size() - at);
        const bool last = at + n == data.size();
        ByteVector apdu = {static_cast<std::uint8_t>(last ? cla : cla | 0x10), ins, p1, p2,
                           static_cast<std::uint8_t>(n)};
        apdu.insert(apdu.end(), data.begin() + static_cast<std::ptrdiff_t>(at),
                    data.begin() + static_cast<std::ptrdiff_t>(at + n));
        if (last) apdu.push_back(0);
        reply = raw(apdu);
        at += n;
        if (last || !reply.ok()) break;
    }
    return collect(std::move(reply));
}

Reply TestToken::secure(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, const ByteVector& data) {
    const token::OwnedCommand wrapped = host_->wrap({cla, ins, p1, p2, data, true});
    const Reply reply = send_plain(wrapped.cla, wrapped.ins, wrapped.p1, wrapped.p2, wrapped.data);
    const token::Answer answer = host_->unwrap({reply.data, reply.sw});
    return {answer.data, answer.status_word};
}

StatusWord TestToken::open_channel(const token::ChannelKeys& keys, SecurityLevel level) {
    wrapping_ = false;
    host_ = std::make_unique<token::Scp03Session>(crypto_, keys, level);
    StatusWord last = 0;
    try {
        token::open_session(*host_, [&](const token::Command& c) {
            const Reply reply = send_plain(c.cla, c.ins, c.p1, c.p2, {c.data.begin(), c.data.end()});
            last = reply.sw;
            return token::Answer{reply.data, reply.sw};
        });
    } catch (const token::TokenError& error) {
        return error.kind() == token::Kind::lying_token ? 0 : last;
    }
    return last;
}
StatusWord TestToken::open_channel(SecurityLevel level) { return open_channel(channel_keys_, level); }

Reply TestToken::put_keys(const token::ChannelKeys& keys) {
    const auto command = token::put_key_command(crypto_, channel_keys_.version, channel_keys_.dek.bytes(), keys);
    const bool open = host_ != nullptr && host_->open();
    const Reply reply = open ? secure(command.cla, command.ins, command.p1, command.p2, command.data)
                             : send_plain(command.cla, command.ins, command.p1, command.p2, command.data);
    if (reply.ok()) {
        token::check_put_key(crypto_, keys, {reply.data, reply.sw});
        channel_keys_ = keys.copy();
    }
    return reply;
}

Reply TestToken::select() {
    return send(0x00, code(Ins::select), 0x04, 0x00, {protocol::kPivAid.begin(), protocol::kPivAid.end()});
}

namespace {

ByteVector tag_bytes(std::uint32_t tag) {
    ByteVector out;
    if (tag > 0xFFFF) out.push_back(static_cast<std::uint8_t>(tag >> 16));
    if (tag > 0xFF) out.push_back(static_cast<std::uint8_t>(tag >> 8));
    out.push_back(static_cast<std::uint8_t>(tag));
    return out;
}

}  // namespace

Reply TestToken::get_data(std::uint32_t tag) {
    const ByteVector list = tlv(0x5C, tag_bytes(tag));
    const Reply reply = send(0x00, code(Ins::get_data), 0x3F, 0xFF, list);
    // Too long for a wrapped answer.
    if (wrapping_ && reply.sw == sw::not_enough_memory) return send_plain(0x00, code(Ins::get_data), 0x3F, 0xFF, list);
    return reply;
}

Reply TestToken::put_in_parts(std::uint32_t tag, const ByteVector& value) {
    constexpr std::size_t most = 2000;
    Reply reply;
    for (std::size_t at = 0; at < value.size(); at += most) {
        const auto begin = value.begin() + static_cast<std::ptrdiff_t>(at);
        const auto size = static_cast<std::ptrdiff_t>(std::min(most, value.size() - at));
        reply = write_part(tag, static_cast<std::uint32_t>(value.size()), static_cast<std::uint32_t>(at),
                           {begin, begin + size});
        if (!reply.ok()) break;
    }
    return reply;
}

Reply TestToken::put_data(std::uint32_t tag, const ByteVector& value) {
    if (wrapping_ && value.size() > kMostWrapped) return put_in_parts(tag, value);
    return send(0x00, code(Ins::put_data), 0x3F, 0xFF, concat({tlv(0x5C, tag_bytes(tag)), tlv(0x53, value)}));
}
Reply TestToken::put_data_chained(std::uint32_t tag, const ByteVector& value, std::size_t block) {
    if (wrapping_ && value.size() > kMostWrapped) return put_in_parts(tag, value);
    return chain(0x00, code(Ins::put_data), 0x3F, 0xFF, concat({tlv(0x5C, tag_bytes(tag)), tlv(0x53, value)}), block);
}
Reply TestToken::verify(std::string_view pin) { return send(0x00, code(Ins::verify), 0, ref::pin, padded(pin)); }
Reply TestToken::verify_status() { return raw("00 20 00 80"); }
Reply TestToken::log_out() { return raw("00 20 FF 80"); }
Reply TestToken::change(std::uint8_t reference, std::string_view before, std::string_view after) {
    return send(0x00, code(Ins::change_reference_data), 0, reference, concat({padded(before), padded(after)}));
}
Reply TestToken::unblock(std::string_view puk, std::string_view pin) {
    return send(0x00, code(Ins::reset_retry_counter), 0, ref::pin, concat({padded(puk), padded(pin)}));
}

namespace {

ByteVector policies(PinPolicy pin, TouchPolicy touch) {
    ByteVector out;
    if (pin != PinPolicy::standard) out = concat({out, tlv(0xAA, {code(pin)})});
    if (touch != TouchPolicy::standard) out = concat({out, tlv(0xAB, {code(touch)})});
    return out;
}

}  // namespace

Reply TestToken::generate(std::uint8_t slot, Algorithm algorithm, PinPolicy pin, TouchPolicy touch) {
    const ByteVector control = tlv(0xAC, concat({tlv(0x80, {code(algorithm)}), policies(pin, touch)}));
    return send(0x00, code(Ins::generate_key_pair), 0, slot, control);
}
Reply TestToken::import_p256(std::uint8_t slot, PinPolicy pin) {
    const ByteVector data = concat({tlv(0x06, from_hex(kTestP256Scalar)), policies(pin, TouchPolicy::standard)});
    return send(0x00, code(Ins::import_key), code(Algorithm::p256), slot, data);
}
Reply TestToken::import_rsa2048(std::uint8_t slot) {
    const ByteVector data =
        concat({tlv(0x01, from_hex(kTestRsaP)), tlv(0x02, from_hex(kTestRsaQ)), tlv(0x03, from_hex(kTestRsaDp)),
                tlv(0x04, from_hex(kTestRsaDq)), tlv(0x05, from_hex(kTestRsaQinv))});
    return send(0x00, code(Ins::import_key), code(Algorithm::rsa2048), slot, data);
}
Reply TestToken::move(std::uint8_t from, std::uint8_t to) { return send(0x00, code(Ins::move_key), to, from); }
Reply TestToken::use_key(std::uint8_t slot, Algorithm algorithm, const ByteVector& input, std::uint32_t tag) {
    const ByteVector list = concat({tlv(0x82, {}), tlv(tag, input)});
    return send(0x00, code(Ins::general_authenticate), code(algorithm), slot, tlv(0x7C, list));
}
Reply TestToken::sign(std::uint8_t slot) { return use_key(slot, Algorithm::p256, sequence(1, 32)); }
Reply TestToken::metadata(std::uint8_t reference) { return send(0x00, code(Ins::get_metadata), 0, reference); }
Reply TestToken::status() { return send(0x80, code(OwnIns::token_status), 0, 0); }
Reply TestToken::read_part(std::uint32_t tag, std::uint32_t offset, std::uint16_t length) {
    ByteVector data(9);
    store_be32(&data[0], tag << 8);
    store_be32(&data[3], offset);
    store_be16(&data[7], length);
    const Reply reply = send(0x80, code(OwnIns::read_part), 0, 0, data);
    if (wrapping_ && reply.sw == sw::not_enough_memory) return send_plain(0x80, code(OwnIns::read_part), 0, 0, data);
    return reply;
}
Reply TestToken::write_part(std::uint32_t tag, std::uint32_t total, std::uint32_t offset, const ByteVector& part) {
    ByteVector data(11);
    store_be32(&data[0], tag << 8);
    store_be32(&data[3], total);
    store_be32(&data[7], offset);
    return send(0x80, code(OwnIns::write_part), 0, 0, concat({data, part}));
}
Reply TestToken::redeem(std::string_view digits, std::string_view pin) {
    return send(0x80, code(OwnIns::redeem_code), 0, ref::pin, concat({text(digits), padded(pin)}));
}
Reply TestToken::set_bench_pin(std::string_view pin) {
    return send(0x80, code(OwnIns::set_bench_pin), 0, 0, padded(pin));
}
Reply TestToken::set_lifecycle(Lifecycle target) {
    const Reply reply = send(0x80, code(OwnIns::set_lifecycle), code(target), 0);
    if (reply.ok() && target == Lifecycle::terminated) wrapping_ = false;  // there is no channel any more
    return reply;
}
Reply TestToken::set_retries(std::uint8_t pin, std::uint8_t puk) {
    return send(0x00, code(Ins::set_pin_retries), pin, puk);
}
Reply TestToken::set_management_key(Algorithm algorithm, const ByteVector& key) {
    return send(0x00, code(Ins::set_management_key), 0xFF, 0xFF,
                concat({{code(algorithm), ref::management, code(key.size())}, key}));
}
Reply TestToken::reset_applet() { return send(0x00, code(Ins::reset), 0, 0); }

StatusWord TestToken::authenticate(Algorithm algorithm, const ByteVector& key) {
    const std::uint8_t ins = code(Ins::general_authenticate);
    const Reply first = send(0x00, ins, code(algorithm), ref::management, from_hex("7C 02 80 00"));
    if (!first.ok()) return first.sw;
    const ByteVector witness = find(find(first.data, 0x7C).value(), 0x80).value();
    const ByteVector challenge = sequence(0x11, witness.size());
    const ByteVector list = concat({tlv(0x80, block_decrypt(algorithm, key, witness)), tlv(0x81, challenge)});
    const Reply second = send(0x00, ins, code(algorithm), ref::management, tlv(0x7C, list));
    if (!second.ok()) return second.sw;
    const ByteVector proof = find(find(second.data, 0x7C).value(), 0x82).value();
    if (proof != block_encrypt(algorithm, key, challenge)) throw std::runtime_error("the token's own proof is wrong");
    return second.sw;
}

StatusWord TestToken::authenticate() {
    const applet::Config& config = token_->state().config;
    if (config.profile == Profile::compatibility) return authenticate(Algorithm::tdes, default_management_key());
    if (config.lifecycle == Lifecycle::secured) return authenticate(Algorithm::aes256, shipping_management_key());
    const StatusWord status = open_channel();
    wrapping_ = status == sw::ok;
    return status;
}

ByteVector TestToken::status_value(std::uint32_t tag) {
    const Reply reply = status();
    expect(reply, "TOKEN STATUS");
    return find(reply.data, tag).value_or(ByteVector{});
}
std::uint16_t TestToken::lock_counter() { return load_be16(status_value(st::lock).data()); }
std::uint32_t TestToken::salt() { return load_be32(status_value(st::lock).data() + 2); }
LockState TestToken::lock_state() { return static_cast<LockState>(status_value(st::lock)[8]); }
std::uint32_t TestToken::change_counter() { return load_be32(status_value(st::change_counter).data()); }
std::string TestToken::reset_code() { return expected_reset_code(lock_counter(), salt()); }

void TestToken::lock_pin() {
    for (int i = 0; i < 300 && pin_tries() > 0; ++i) (void)verify(kWrongPin);
}

ByteVector block_encrypt(Algorithm algorithm, const ByteVector& key, const ByteVector& block) {
    ByteVector out(block.size());
    const bool done =
        algorithm == Algorithm::tdes
            ? crypto::tdes_encrypt_block(crypto::TdesKey(key), Bytes(block).first<8>(), MutableBytes(out).first<8>())
                  .ok()
            : crypto::aes_encrypt_block(key, Bytes(block).first<16>(), MutableBytes(out).first<16>()).ok();
    if (!done) throw std::runtime_error("encryption failed");
    return out;
}

ByteVector block_decrypt(Algorithm algorithm, const ByteVector& key, const ByteVector& block) {
    ByteVector out(block.size());
    const bool done =
        algorithm == Algorithm::tdes
            ? crypto::tdes_decrypt_block(crypto::TdesKey(key), Bytes(block).first<8>(), MutableBytes(out).first<8>())
                  .ok()
            : crypto::aes_decrypt_block(key, Bytes(block).first<16>(), MutableBytes(out).first<16>()).ok();
    if (!done) throw std::runtime_error("decryption failed");
    return out;
}

std::string expected_reset_code(std::uint16_t lock_counter, std::uint32_t salt) {
    ByteVector context = concat({{kKvn}, text(kSerial)});
    for (int shift = 8; shift >= 0; shift -= 8) context.push_back(static_cast<std::uint8_t>(lock_counter >> shift));
    for (int shift = 24; shift >= 0; shift -= 8) context.push_back(static_cast<std::uint8_t>(salt >> shift));
    context.push_back(0x80);
    ByteVector key(16);
    if (!crypto::kdf_counter_cmac(unlock_key(), text("PIN-RESET-CODE"), context, key)) {
        throw std::runtime_error("derivation failed");
    }
    // 128 bits as decimal by long division, apart from the token's way.
    __extension__ using Wide = unsigned __int128;
    Wide value = 0;
    for (const std::uint8_t byte : key) value = value << 8 | byte;
    std::string digits;
    for (int i = 0; i < 15; ++i) {
        digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(value % 10)));
        value /= 10;
    }
    return digits;
}

}  // namespace sealkey::testing
