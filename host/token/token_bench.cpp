// What the bench does: management-key authentication, writing, birth and lifecycle.
#include <algorithm>

#include "base/tlv.h"
#include "protocol/limits.h"
#include "token/token.h"

namespace sealkey::token {

namespace {

using protocol::Algorithm;
using protocol::Ins;
using protocol::OwnIns;
namespace tag = protocol::tag;

constexpr std::uint8_t ins(Ins value) { return static_cast<std::uint8_t>(value); }
constexpr std::uint8_t ins(OwnIns value) { return static_cast<std::uint8_t>(value); }
constexpr std::size_t kMaxBlock = 16;
constexpr std::size_t kMostInOneCommand = 2048;  // of a value, wrapped

std::size_t block_size(Algorithm algorithm) { return algorithm == Algorithm::tdes ? 8 : 16; }

// The one field of a 7C template in an answer.
Bytes field_of(const Answer& answer, std::uint32_t field, std::size_t size) {
    const auto templ = find_tlv(answer.data, tag::dynamic_authentication);
    const auto value = templ ? find_tlv(*templ, field) : std::nullopt;
    if (!value || value->size() != size) {
        throw TokenError(Kind::malformed_answer, "authenticating to the key: the answer breaks its format");
    }
    return *value;
}

}  // namespace

void Token::authenticate_management(BlockCipher& cipher) {
    const std::string action = "authenticating to the key";
    const Transaction transaction(*this);
    const Algorithm algorithm = metadata(protocol::ref::management).algorithm;
    if (algorithm != cipher.algorithm()) {
        throw TokenError(Kind::bad_argument, action + ": its management key is of another algorithm");
    }
    const std::size_t size = block_size(algorithm);
    Command command{.cla = 0,
                    .ins = ins(Ins::general_authenticate),
                    .p1 = static_cast<std::uint8_t>(algorithm),
                    .p2 = protocol::ref::management,
                    .data = {},
                    .expects_data = true};

    const std::uint8_t ask[] = {0x7C, 0x02, 0x80, 0x00};
    command.data = ask;
    const Answer first = run_ok(action, command, Repeat::no);
    const Bytes witness = field_of(first, tag::witness, size);

    std::array<std::uint8_t, kMaxBlock> opened{};
    std::array<std::uint8_t, kMaxBlock> challenge{};
    std::array<std::uint8_t, kMaxBlock> expected{};
    cipher.decrypt(witness, MutableBytes(opened).first(size));
    cipher.random(MutableBytes(challenge).first(size));
    cipher.encrypt(Bytes(challenge).first(size), MutableBytes(expected).first(size));

    std::array<std::uint8_t, 2 * kMaxBlock + 8> inner{};
    TlvWriter fields(inner);
    fields.put(tag::witness, Bytes(opened).first(size)).put(tag::challenge, Bytes(challenge).first(size));
    std::array<std::uint8_t, 2 * kMaxBlock + 12> data{};
    TlvWriter writer(data);
    writer.put(tag::dynamic_authentication, fields.bytes());
    command.data = writer.bytes();
    const Answer second = run_ok(action, command, Repeat::no);
    // The token proves itself too: a host that skips this trusts any card.
    if (!constant_time_equal(field_of(second, tag::response, size), Bytes(expected).first(size))) {
        throw TokenError(Kind::lying_token, action + ": the key doesn't know the management key");
    }
}

void Token::set_management_key(Algorithm algorithm, ByteView key) {
    Secret<40> data;
    if (key.size() > 32) throw TokenError(Kind::bad_argument, "a management key has at most 32 bytes");
    MutableBytes out = data.buffer();
    out[0] = static_cast<std::uint8_t>(algorithm);
    out[1] = protocol::ref::management;
    out[2] = static_cast<std::uint8_t>(key.size());
    std::copy(key.begin(), key.end(), out.begin() + 3);
    data.resize(3 + key.size());
    run_ok(
        "setting the management key",
        {.cla = 0, .ins = ins(Ins::set_management_key), .p1 = 0xFF, .p2 = 0xFF, .data = data.bytes(), .secure = true},
        Repeat::no);
}

void Token::write_object(std::uint32_t object_tag, ByteView value) {
    if (channel_wanted_ && value.size() > kMostInOneCommand) return write_in_parts(object_tag, value);
    std::array<std::uint8_t, 4> bytes{};
    store_be32(bytes.data(), object_tag);
    const std::size_t skip = object_tag > 0xFFFF ? 1 : object_tag > 0xFF ? 2 : 3;
    ByteVector data(value.size() + 16);
    TlvWriter writer(data);
    writer.put(tag::tag_list, Bytes(bytes).subspan(skip)).put(tag::data, value);
    run_ok("writing an object",
           {.cla = 0, .ins = ins(Ins::put_data), .p1 = 0x3F, .p2 = 0xFF, .data = writer.bytes(), .secure = true},
           Repeat::no);
}

void Token::write_in_parts(std::uint32_t object_tag, ByteView value) {
    constexpr std::size_t kHead = 11;
    std::array<std::uint8_t, kHead + kMostInOneCommand> data{};
    store_be32(data.data(), object_tag << 8);
    store_be32(&data[3], static_cast<std::uint32_t>(value.size()));
    for (std::size_t at = 0; at < value.size(); at += kMostInOneCommand) {
        const ByteView part = value.subspan(at, std::min(kMostInOneCommand, value.size() - at));
        store_be32(&data[7], static_cast<std::uint32_t>(at));
        std::copy(part.begin(), part.end(), data.begin() + kHead);
        run_ok("writing an object",
               {.cla = protocol::kClaOwn,
                .ins = ins(OwnIns::write_part),
                .data = Bytes(data).first(kHead + part.size()),
                .secure = true},
               Repeat::no);
    }
}

void Token::write_certificate(std::uint8_t slot, ByteView der) {
    write_object(certificate_tag(slot), object_of_certificate(der));
}

void Token::initialise(const InitialValues& values) {
    const bool shipping = values.profile == protocol::Profile::shipping;
    if (values.serial.size() != protocol::kSerialSize || values.numeric_serial >= 0x80000000U ||
        (shipping && (values.unlock_key.size() != 32 || values.management_key.size() > 32))) {
        throw TokenError(Kind::bad_argument, "a value for the key's birth has a wrong length");
    }
    if (!channel_open()) throw TokenError(Kind::bad_argument, "a key is born through the secure channel");
    Secret<256> data;
    TlvWriter writer(data.buffer());
    writer.put(0x81, {reinterpret_cast<const std::uint8_t*>(values.serial.data()), values.serial.size()});
    writer.put_byte(0x83, static_cast<std::uint8_t>(values.profile));
    std::array<std::uint8_t, 4> number{};
    store_be32(number.data(), values.numeric_serial);
    writer.put(0x89, number).put_byte(0x8B, values.key_version);
    if (shipping) {
        const auto algorithm = static_cast<std::uint8_t>(values.management_algorithm);
        writer.put(0x8C, values.unlock_key);
        writer.header(0x8D, 1 + values.management_key.size()).raw({&algorithm, 1}).raw(values.management_key);
    }
    writer.put(0x8E, values.guid);
    if (shipping) writer.put(0x8F, values.kdd);
    data.resize(writer.size());
    run_ok("initialising the key",
           {.cla = protocol::kClaOwn, .ins = ins(OwnIns::initialise), .data = data.bytes(), .secure = true},
           Repeat::no);
}

void Token::set_bench_pin(ByteView pin) {
    Secret<protocol::kPinSize> data;
    if (pin.size() < protocol::kMinPin || pin.size() > protocol::kPinSize) {
        throw TokenError(Kind::bad_argument, "a PIN has 6 to 8 characters");
    }
    data.resize(protocol::kPinSize);
    std::fill(data.buffer().begin(), data.buffer().end(), 0xFF);
    std::copy(pin.begin(), pin.end(), data.buffer().begin());
    run_ok("setting the bench's PIN",
           {.cla = protocol::kClaOwn, .ins = ins(OwnIns::set_bench_pin), .data = data.bytes(), .secure = true},
           Repeat::no);
}

void Token::set_lifecycle(protocol::Lifecycle target) {
    run_ok("changing the lifecycle",
           {.cla = protocol::kClaOwn,
            .ins = ins(OwnIns::set_lifecycle),
            .p1 = static_cast<std::uint8_t>(target),
            .secure = true},
           Repeat::no);
}

}  // namespace sealkey::token
