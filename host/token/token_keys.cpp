// Keys: metadata, private-key operations, generation and import.
#include "base/tlv.h"
#include "protocol/attestation.h"
#include "token/token.h"

namespace sealkey::token {

namespace {

using protocol::Ins;
namespace tag = protocol::tag;

constexpr std::uint8_t ins(Ins value) { return static_cast<std::uint8_t>(value); }

ByteVector vector_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

[[noreturn]] void malformed(const std::string& action) {
    throw TokenError(Kind::malformed_answer, action + ": the answer breaks its format");
}

// Policies are sent only when they differ from the slot's own.
void put_policies(TlvWriter& writer, protocol::PinPolicy pin, protocol::TouchPolicy touch) {
    if (pin != protocol::PinPolicy::standard) writer.put_byte(tag::pin_policy, static_cast<std::uint8_t>(pin));
    if (touch != protocol::TouchPolicy::standard) writer.put_byte(tag::touch_policy, static_cast<std::uint8_t>(touch));
}

struct WipedBuffer {
    explicit WipedBuffer(std::size_t size) : bytes(size) {}
    ~WipedBuffer() { wipe(bytes); }
    WipedBuffer(const WipedBuffer&) = delete;
    WipedBuffer& operator=(const WipedBuffer&) = delete;
    ByteVector bytes;
};

}  // namespace

PublicKey parse_public_key(Bytes data, protocol::Algorithm algorithm, const std::string& action) {
    PublicKey key;
    key.algorithm = algorithm;
    if (const auto point = find_tlv(data, tag::ec_point)) {
        key.point = vector_of(*point);
        return key;
    }
    const auto modulus = find_tlv(data, tag::rsa_modulus);
    const auto exponent = find_tlv(data, tag::rsa_exponent);
    if (!modulus || !exponent || modulus->empty()) malformed(action);
    Bytes n = *modulus;
    while (n.size() > 1 && n[0] == 0) n = n.subspan(1);
    key.modulus = vector_of(n);
    key.exponent = vector_of(*exponent);
    return key;
}

ByteVector Token::attest(std::uint8_t slot) {
    return run_ok("attesting a key", {.cla = 0, .ins = ins(Ins::attest), .p1 = slot, .p2 = 0, .expects_data = true})
        .data;
}

ByteVector Token::attest(std::uint8_t slot, ByteView nonce) {
    const std::string action = "attesting a key";
    if (nonce.size() != protocol::kNonceSize) {
        throw TokenError(Kind::bad_argument, action + ": a nonce has 32 bytes");
    }
    return run_ok(action, {.cla = protocol::kClaOwn,
                           .ins = static_cast<std::uint8_t>(protocol::OwnIns::attest),
                           .p1 = slot,
                           .p2 = 0,
                           .data = nonce,
                           .expects_data = true})
        .data;
}

KeyMetadata Token::metadata(std::uint8_t slot) {
    const std::string action = "reading a key's metadata";
    const Answer answer =
        run_ok(action, {.cla = 0, .ins = ins(Ins::get_metadata), .p1 = 0, .p2 = slot, .expects_data = true});
    KeyMetadata metadata;
    const auto algorithm = find_tlv(answer.data, 0x01);
    if (!algorithm || algorithm->size() != 1) malformed(action);
    metadata.algorithm = static_cast<protocol::Algorithm>((*algorithm)[0]);
    if (const auto policy = find_tlv(answer.data, 0x02)) {
        if (policy->size() != 2) malformed(action);
        metadata.pin_policy = static_cast<protocol::PinPolicy>((*policy)[0]);
        metadata.touch_policy = static_cast<protocol::TouchPolicy>((*policy)[1]);
    }
    if (const auto origin = find_tlv(answer.data, 0x03)) {
        if (origin->size() != 1) malformed(action);
        metadata.origin = static_cast<protocol::Origin>((*origin)[0]);
    }
    if (const auto key = find_tlv(answer.data, 0x04)) {
        metadata.public_key = parse_public_key(*key, metadata.algorithm, action);
    }
    if (const auto value = find_tlv(answer.data, 0x05)) {
        if (value->size() != 1) malformed(action);
        metadata.default_value = (*value)[0] != 0;
    }
    return metadata;
}

ByteVector Token::private_key_operation(const std::string& action, std::uint8_t slot, protocol::Algorithm algorithm,
                                        std::uint32_t input_tag, ByteView input) {
    WipedBuffer buffer(input.size() + 16);
    WipedBuffer inner(input.size() + 12);
    TlvWriter fields(inner.bytes);
    fields.put(tag::response, {});
    fields.put(input_tag, input);
    TlvWriter writer(buffer.bytes);
    writer.put(tag::dynamic_authentication, fields.bytes());
    if (!fields.ok() || !writer.ok()) throw TokenError(Kind::bad_argument, action + ": the input is too long");
    Answer answer = run_ok(action, {.cla = 0,
                                    .ins = ins(Ins::general_authenticate),
                                    .p1 = static_cast<std::uint8_t>(algorithm),
                                    .p2 = slot,
                                    .data = writer.bytes(),
                                    .expects_data = true,
                                    .secure = true});
    const auto templ = find_tlv(answer.data, tag::dynamic_authentication);
    const auto response = templ ? find_tlv(*templ, tag::response) : std::nullopt;
    if (!response || response->empty()) malformed(action);
    ByteVector out = vector_of(*response);
    wipe(answer.data);
    return out;
}

ByteVector Token::sign(std::uint8_t slot, protocol::Algorithm algorithm, ByteView input) {
    return private_key_operation("signing", slot, algorithm, tag::challenge, input);
}

ByteVector Token::decrypt(std::uint8_t slot, protocol::Algorithm algorithm, ByteView block) {
    return private_key_operation("decrypting", slot, algorithm, tag::challenge, block);
}

ByteVector Token::derive(std::uint8_t slot, protocol::Algorithm algorithm, ByteView point) {
    return private_key_operation("deriving", slot, algorithm, tag::exponentiation, point);
}

PublicKey Token::generate(std::uint8_t slot, protocol::Algorithm algorithm, protocol::PinPolicy pin_policy,
                          protocol::TouchPolicy touch_policy) {
    std::array<std::uint8_t, 16> inner{};
    TlvWriter fields(inner);
    fields.put_byte(tag::generate_algorithm, static_cast<std::uint8_t>(algorithm));
    put_policies(fields, pin_policy, touch_policy);
    std::array<std::uint8_t, 20> data{};
    TlvWriter writer(data);
    writer.put(tag::generate_template, fields.bytes());
    const std::string action = "generating a key";
    const Answer answer = run_ok(action,
                                 {.cla = 0,
                                  .ins = ins(Ins::generate_key_pair),
                                  .p1 = 0,
                                  .p2 = slot,
                                  .data = writer.bytes(),
                                  .expects_data = true,
                                  .secure = true},
                                 Repeat::no);
    const auto key = find_tlv(answer.data, tag::public_key);
    if (!key) malformed(action);
    return parse_public_key(*key, algorithm, action);
}

void Token::import_rsa(std::uint8_t slot, protocol::Algorithm algorithm, const RsaPrivateKey& key,
                       protocol::PinPolicy pin_policy, protocol::TouchPolicy touch_policy) {
    WipedBuffer buffer(key.p.size() + key.q.size() + key.dp.size() + key.dq.size() + key.qinv.size() + 40);
    TlvWriter writer(buffer.bytes);
    writer.put(tag::import_p, key.p).put(tag::import_q, key.q).put(tag::import_dp, key.dp);
    writer.put(tag::import_dq, key.dq).put(tag::import_qinv, key.qinv);
    put_policies(writer, pin_policy, touch_policy);
    run_ok("importing a key",
           {.cla = 0,
            .ins = ins(Ins::import_key),
            .p1 = static_cast<std::uint8_t>(algorithm),
            .p2 = slot,
            .data = writer.bytes(),
            .secure = true},
           Repeat::no);
}

void Token::import_ec(std::uint8_t slot, protocol::Algorithm algorithm, ByteView scalar, protocol::PinPolicy pin_policy,
                      protocol::TouchPolicy touch_policy) {
    WipedBuffer buffer(scalar.size() + 16);
    TlvWriter writer(buffer.bytes);
    writer.put(tag::import_ec, scalar);
    put_policies(writer, pin_policy, touch_policy);
    run_ok("importing a key",
           {.cla = 0,
            .ins = ins(Ins::import_key),
            .p1 = static_cast<std::uint8_t>(algorithm),
            .p2 = slot,
            .data = writer.bytes(),
            .secure = true},
           Repeat::no);
}

}  // namespace sealkey::token
