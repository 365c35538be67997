#include "support/hostile_host.h"

#include <algorithm>
#include <stdexcept>

namespace sealkey::testing {

namespace {

using protocol::Ins;
using protocol::OwnIns;

// Small, so that going back to it is cheap; still large enough for the seal.
constexpr platform::FlashGeometry kGeometry = {4096, 48, 256};

constexpr std::uint32_t kObjects[] = {
    object::discovery,
    object::chuid,
    object::ccc,
    object::key_history,
    object::cert_9a,
    object::cert_9c,
    object::cert_9d,
    object::seal,
    object::enterprise_record,
    object::issuer_certificate,
    object::cert_attestation,
    object::cert_9e,
    object::cert_retired_first,
    object::cert_retired_last,
};
constexpr std::uint8_t kSlots[] = {ref::authentication,      ref::signature,     ref::key_management, ref::attestation,
                                   ref::card_authentication, ref::retired_first, ref::retired_last};
// What 9B may still write once the lifecycle is secured.
constexpr std::uint32_t kFreeObjects[] = {object::piv_admin_data, object::mscmap_first};

[[noreturn]] void broken(const std::string& what) { throw std::logic_error(what); }

void must(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(std::string("preparing the token: ") + what);
}

void append(ByteVector& out, const Reply& reply) {
    out.push_back(static_cast<std::uint8_t>(reply.sw >> 8));
    out.push_back(static_cast<std::uint8_t>(reply.sw));
    out.insert(out.end(), reply.data.begin(), reply.data.end());
}

bool known(StatusWord sw) {
    constexpr std::uint8_t kClasses[] = {0x61, 0x63, 0x67, 0x68, 0x69, 0x6A, 0x6D, 0x6E, 0x90};
    return std::any_of(std::begin(kClasses), std::end(kClasses), [&](std::uint8_t high) { return sw >> 8 == high; });
}

bool is_own(Bytes command) { return command[0] == protocol::kClaOwn; }
bool is(Bytes command, Ins ins) { return !is_own(command) && command[1] == static_cast<std::uint8_t>(ins); }

// Making an RSA key takes too long for a run of thousands; the unit tests do it.
bool makes_rsa_key(Bytes command) {
    if ((command[0] & 0xEF) == protocol::kClaOwn && command[1] == static_cast<std::uint8_t>(OwnIns::stage_begin)) {
        // The algorithms stand at the end, with an Le behind them or not.
        const Bytes end = command.size() > 5 ? command.last(std::min<std::size_t>(command.size() - 4, 6)) : Bytes{};
        return std::any_of(end.begin(), end.end(), [](std::uint8_t b) { return b == 0x05 || b == 0x07 || b == 0x16; });
    }
    if (!is(command, Ins::generate_key_pair)) return false;
    if ((command[0] & 0x10) != 0) return true;
    const auto at = std::adjacent_find(command.begin(), command.end(), [](std::uint8_t a, std::uint8_t b) {
        return a == 0x01 && (b == 0x05 || b == 0x07 || b == 0x16);
    });
    return at != command.end();
}

}  // namespace

HostileHost::HostileHost()
    : shipping_(prepare(Profile::shipping)), compatibility_(prepare(Profile::compatibility)), response_(65538) {}

HostileHost::Kind HostileHost::prepare(Profile profile) {
    Kind kind;
    kind.token = std::make_unique<TestToken>(kGeometry);
    TestToken& token = *kind.token;
    token.manufacture();
    token.initialise(profile);
    must(token.authenticate() == sw::ok, "9B");
    for (std::uint8_t slot :
         {ref::authentication, ref::signature, ref::key_management, ref::card_authentication, ref::retired_first}) {
        must(token.generate(slot).ok(), "generate");
    }
    for (std::uint32_t tag : {object::cert_9a, object::cert_9c, object::cert_9d, object::cert_9e}) {
        must(token.put_data(tag, certificate_object(ByteVector(40, static_cast<std::uint8_t>(tag)))).ok(),
             "certificate");
    }
    must(token.put_data(object::seal, ByteVector(1500, 0x5E)).ok(), "seal");
    must(token.put_data(object::enterprise_record, text("an enterprise")).ok(), "record");
    must(token.put_data(object::issuer_certificate, ByteVector(300, 0x1C)).ok(), "issuer");
    if (profile == Profile::shipping) {
        token.secure();
        token.activate();
    }
    token.reset();  // no right is left over from the preparation
    kind.snapshot = token.flash().state();
    kind.all = observe(token, true);
    kind.without_free = observe(token, false);
    kind.renewal = token.get_data(object::renewal_status).data;
    return kind;
}

ByteVector HostileHost::observe(TestToken& token, bool with_free) {
    ByteVector out;
    for (std::uint32_t tag : kObjects) append(out, token.get_data(tag));
    for (std::uint8_t slot : kSlots) append(out, token.metadata(slot));
    if (with_free) {
        for (std::uint32_t tag : kFreeObjects) append(out, token.get_data(tag));
    }
    for (std::uint32_t tag : {protocol::status_tag::serial, protocol::status_tag::profile,
                              protocol::status_tag::lifecycle, protocol::status_tag::numeric_serial}) {
        const ByteVector value = token.status_value(tag);
        out.insert(out.end(), value.begin(), value.end());
    }
    return out;
}

void HostileHost::open(Kind& kind, Door door) {
    TestToken& token = *kind.token;
    wiped_ = false;
    switch (door) {
        case Door::shipping_nobody:
        case Door::compatibility_nobody:
            return;
        case Door::shipping_pin:
            if (!token.verify(kPin).ok()) broken("the right PIN is refused");
            return;
        case Door::shipping_management:
            if (token.authenticate() != sw::ok) broken("the right 9B is refused");
            return;
        case Door::shipping_channel:
            if (token.open_channel() != sw::ok) broken("the right channel keys are refused");
            return;
        case Door::compatibility_all:
            if (!token.verify(kDefaultPin).ok() || token.authenticate() != sw::ok) broken("PIN or 9B is refused");
            return;
    }
}

void HostileHost::send(Kind& kind, Door door, Bytes command) {
    if (command.size() > 2 && makes_rsa_key(command)) return;
    const std::size_t n = kind.token->token().transmit(command, response_);
    if (n < 2 || n > response_.size()) broken("an answer of " + std::to_string(n) + " bytes");
    const StatusWord sw = load_be16(response_.data() + n - 2);
    if (!known(sw)) broken("status word " + std::to_string(sw));
    if (command.size() < 4) {
        if (sw != protocol::sw::wrong_length) broken("a command without a header was taken");
        return;
    }
    const bool done = sw == sw::ok || sw >> 8 == 0x61;
    const bool whole = (command[0] & 0x10) == 0;
    if (done && whole && (door == Door::shipping_nobody || door == Door::shipping_channel) &&
        is(command, Ins::general_authenticate)) {
        const std::uint8_t slot = command[3];
        const bool needs_pin = slot == ref::authentication || slot == ref::signature || slot == ref::key_management;
        if (needs_pin) broken("a key was used without the PIN");
    }
    if (done && whole && is(command, Ins::reset)) wiped_ = true;
}

void HostileHost::check(Kind& kind, Door door) {
    TestToken& token = *kind.token;
    if (!token.power_cycle()) broken("the token doesn't start any more");
    if (door == Door::compatibility_all || wiped_) return;
    const bool management = door == Door::shipping_management;
    if (observe(token, !management) != (management ? kind.without_free : kind.all)) {
        broken("a key, a certificate, an object or the lifecycle changed without right");
    }
    if (door != Door::shipping_pin && token.get_data(object::renewal_status).data != kind.renewal) {
        broken("a renewal was staged without the PIN");
    }
    if (token.authenticate() != sw::ok) broken("the management key changed without right");
    if (door == Door::compatibility_nobody) return;  // its PIN is known to everyone
    if (token.pin_tries() > 0 && !token.verify(kPin).ok()) broken("the PIN changed without right");
}

void HostileHost::run(Bytes input) {
    if (input.empty()) return;
    std::vector<ByteVector> commands;
    Bytes rest = input.subspan(1);
    while (!rest.empty()) {
        std::size_t length = rest[0];
        rest = rest.subspan(1);
        if (length == 0xFF && rest.size() >= 2) {
            length = load_be16(rest.data());
            rest = rest.subspan(2);
        }
        length = std::min(length, rest.size());
        commands.emplace_back(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(length));
        rest = rest.subspan(length);
    }
    run(static_cast<Door>(input[0] % kDoors), commands);
}

void HostileHost::run(Door door, const std::vector<ByteVector>& commands) {
    const bool shipping = door != Door::compatibility_nobody && door != Door::compatibility_all;
    Kind& kind = shipping ? shipping_ : compatibility_;
    TestToken& token = *kind.token;
    const std::uint64_t before = token.flash().operations();
    open(kind, door);
    const std::uint64_t opened = token.flash().operations();
    for (const ByteVector& command : commands) {
        if (command.empty()) {
            token.reset();
        } else {
            send(kind, door, command);
        }
    }
    if (token.flash().operations() != opened) {
        ++changed_;
        check(kind, door);
    }
    if (token.flash().operations() != before) {
        token.flash().restore(kind.snapshot);
        if (!token.power_cycle()) broken("the snapshot doesn't start");
    }
    token.reset();
}

std::vector<ByteVector> HostileHost::samples() {
    const char* const texts[] = {
        "00A4040005A000000308",                        // SELECT
        "00A404000BA000000308000010000100",            // the whole name
        "0020008008393939393930FFFF",                  // VERIFY, wrong
        "00200080",                                    // tries left
        "0020FF80",                                    // logout
        "0024008010393939393930FFFF333134313539FFFF",  // CHANGE PIN
        "0024008110313233343536373831323334353637 39",
        "002C008010313233343536373833313431 3539FFFF",  // unblock by PUK
        "00CB3FFF055C035FC10500",                       // GET DATA
        "00CB3FFF055C035FFF4000",
        "00CB3FFF055C035FFF4300",
        "00CB3FFF035C017E00",
        "00C0000000",                      // GET RESPONSE
        "00DB3FFF0A5C035FC1055303700102",  // PUT DATA
        "10DB3FFF085C035FFF40538201",      // PUT DATA, first of a chain
        "00DB3FFF04AABBCCDD",              // a last block
        "00DB3FFF095C035FC1025302AABB",    // CHUID
        "00DB3FFF075C035FFF405300",        // delete the seal
        "0087119A067C0482008100",          // sign with nothing
        "0087119A267C248200812000010203040506070809 0a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00",
        "0087119C267C248200812000010203040506070809 0a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00",
        "0087119E267C248200812000010203040506070809 0a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00",
        "00870C9B047C02800000",  // 9B, witness
        "00870C9B047C02810000",  // 9B, challenge
        "00870C9B147C12821000000000000000000000000000000000",
        "0087039B047C02810000",
        "00870C9B267C248010000102030405060708090a0b0c0d0e0f8110000102030405060708090a0b0c0d0e0f00",
        "0047009A05AC0380011100",  // GENERATE P-256
        "0047009E05AC0380011100",
        "0047009A0BAC09800111AA0102AB010100",                                              // with policies
        "0087119D0A7C08820085040402030400",                                                // ECDH
        "00FE119A220620000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",  // IMPORT
        "00F6829D",
        "00F6FF9A",  // MOVE, delete
        "00F7009A",
        "00F7009B",
        "00F70080",
        "00F8000000",
        "00F99A0000",
        "80369A0020000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00",  // ATTEST with a nonce
        "00DB3FFF0C5C035FFF0153057003300100",                                            // F9's certificate
        "00FD000000",
        "00FA0303",  // SET RETRIES
        "00FB0000",  // RESET
        "00FFFFFF1B039B18010203040506070801020304050607080102030405060708",
        "00FFFFFF230C9B20000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "8010000000",  // TOKEN STATUS
        "8012000009005FFF400000000000FF00",
        "8012000009 5FFF4000000000 00FF00",
        "8020008017313233343536373839303132333435313631383033FFFF",  // REDEEM
        "80300000068101418301 02",                                   // INITIALISE
        "8032000008313631383033FFFF",                                // SET BENCH PIN
        "80340200",
        "80340F00",                                           // SET LIFECYCLE
        "8040000012 11111111111111111111111111111111 01 11",  // STAGE BEGIN
        "8040000014 11111111111111111111111111111111 07 111114",
        "8040000013 11111111111111111111111111111111 85 1111",
        "80410000",
        "80419A0000",  // STAGE STATUS
        "80439A0008 3006020100300030 00",
        "80439A0102 3000 00",  // STAGE CSR
        "80449A0020 0000000000000000000000000000000000000000000000000000000000000000 00",
        "80459A000A 00000002 00000000 3000",  // STAGE CERT, SEAL, RECORD
        "804600000A 00000010 00000000 AABB",
        "804600000A 00000010 00000002 AABB",
        "804701000A 00000002 00000000 3000",
        "8049000015 800101 8110 00000000000000000000000000000000",  // COMMIT
        "804A000010 11111111111111111111111111111111",              // STAGE ABORT
        "804B820010 11111111111111111111111111111111",
        "804C9A0010 1111111111111111111111111111111100",
        "00A40400",
        "0C20008008393939393930FFFF",
        "04A4040005A000000308",
        "80500000080102030405060708",  // INITIALIZE UPDATE
        "80500100080102030405060708",
        "84823300100102030405060708 1112131415161718",  // EXTERNAL AUTHENTICATE
        "84820100100102030405060708 1112131415161718",
        "84340200080102030405060708",  // wrapped, by nobody
        "8430000018000102030405060708090a0b0c0d0e0f1011121314151617",
        "94D80081080102030405060708",
        "80D8FF8105 0188110000",                    // PUT KEY in plain
        "801400000D 5FFF4000000002 00000000 AABB",  // WRITE PART
        "8014000010 5FFF1100000005 00000000 AABBCCDDEE",
        "00CB3FFF0000055C035FFF400000",  // extended
        "FF00000000",
        "00",
    };
    std::vector<ByteVector> out;
    for (const char* hex : texts) out.push_back(from_hex(hex));
    return out;
}

}  // namespace sealkey::testing
