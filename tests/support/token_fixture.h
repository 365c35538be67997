// A whole token over the flash model, and the host's side of its commands, for tests that go through the APDU door.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "applet/token.h"
#include "base/tlv.h"
#include "channel_crypto.h"
#include "platform/platform.h"
#include "protocol/key.h"
#include "protocol/piv.h"
#include "support/entropy.h"
#include "support/flash_model.h"
#include "support/hex.h"
#include "token/error.h"
#include "token/scp03.h"

namespace sealkey::testing {

using ByteVector = std::vector<std::uint8_t>;
using protocol::Algorithm;
using protocol::Lifecycle;
using protocol::LockState;
using protocol::PinPolicy;
using protocol::Profile;
using protocol::SecurityLevel;
using protocol::StatusWord;
using protocol::TouchPolicy;
namespace sw = protocol::sw;
namespace ref = protocol::ref;
namespace object = protocol::object;

// Time stands still but for delay() and advance(): tests don't wait.
class FakeClock final : public platform::Clock {
public:
    std::uint32_t milliseconds() override { return now; }
    void delay(std::uint32_t milliseconds) override { now += milliseconds; }
    std::uint32_t now = 0;
};

class FakeIndicator final : public platform::Indicator {
public:
    void show(platform::Indication what) override { last = what; }
    platform::Indication last = platform::Indication::idle;
};

class FakePresence final : public platform::Presence {
public:
    bool confirmed(std::uint32_t) override {
        ++asked;
        return present;
    }
    bool present = true;
    int asked = 0;
};

class FakeDeviceSecret final : public platform::DeviceSecret {
public:
    void read(std::span<std::uint8_t, kSize> out) override {
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(0xD0 + i + renewed);
    }
    bool renew(platform::Entropy&) override {
        if (!failing) ++renewed;
        return !failing;
    }
    bool failing = false;
    std::size_t renewed = 0;
};

struct TestPlatform {
    explicit TestPlatform(platform::FlashGeometry geometry, std::uint64_t seed) : flash(geometry), entropy(seed) {}
    test::FlashModel flash;
    FakeEntropy entropy;
    FakeClock clock;
    FakeIndicator indicator;
    FakePresence presence;
    FakeDeviceSecret device_secret;
    platform::Platform platform{
        flash, entropy, clock, indicator, presence, device_secret, {0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF}};
};

// The secrets that every test token is made with. The unlock key is the worked vector's.
inline constexpr std::string_view kPin = "271828";
inline constexpr std::string_view kOtherPin = "314159";
inline constexpr std::string_view kWrongPin = "999990";
inline constexpr std::string_view kDefaultPin = "123456";
inline constexpr std::string_view kDefaultPuk = "12345678";
inline constexpr std::string_view kSerial = "0123456789AB";
inline constexpr std::uint8_t kKvn = 1;
token::ChannelKeys transport_channel_keys();  // KVN FF
token::ChannelKeys own_channel_keys();        // KVN 1, as a CA puts them in
ByteVector kdd();
channel::Keys firmware_keys(const token::ChannelKeys& keys);
ByteVector shipping_management_key();  // AES-256
ByteVector unlock_key();
ByteVector default_management_key();  // 3DES
ByteVector guid();

struct Reply {
    ByteVector data;
    StatusWord sw = 0;
    [[nodiscard]] bool ok() const { return sw == protocol::sw::ok; }
    bool operator==(const Reply&) const = default;
};
void PrintTo(const Reply& reply, std::ostream* out);

// PIN padded with FF to 8 bytes.
ByteVector padded(std::string_view pin);
ByteVector text(std::string_view characters);
ByteVector concat(std::initializer_list<ByteVector> parts);
ByteVector tlv(std::uint32_t tag, const ByteVector& value);
// A certificate object's value around some bytes: 70, 71 00, FE.
ByteVector certificate_object(const ByteVector& certificate);
std::optional<ByteVector> find(const ByteVector& data, std::uint32_t tag);

class TestToken {
public:
    // The flash of the simulator. Nothing is done to it yet.
    explicit TestToken(platform::FlashGeometry geometry = {4096, 128, 256}, std::uint64_t seed = 1);

    // --- life ---
    void manufacture();  // and power on: a BLANK token
    // The channel of birth, everything through it: the factory's keys, for a shipping token replaced by its own.
    void open_birth(Profile profile);
    // Initialises with the secrets above, through the door; the session is empty after it.
    void initialise(Profile profile);
    // Shipping: bench PIN, then SECURED: activation pending with LC 1.
    void secure();
    // Redeems the activation code: the PIN is `pin`.
    void activate(std::string_view pin = kPin);
    // A token with a PIN in use: compatibility (123456) or shipping, activated (kPin).
    static std::unique_ptr<TestToken> personalised(Profile profile,
                                                   platform::FlashGeometry geometry = {4096, 128, 256});
    // A new Token object over the same flash, as a power cycle makes; power_on()'s result.
    Status power_cycle();
    void reset() {
        wrapping_ = false;
        token_->reset();
    }

    // --- one APDU as it is; then commands as a host sends them: extended length, replies collected ---
    Reply raw(const ByteVector& apdu);
    Reply raw(std::string_view hex) { return raw(from_hex(hex)); }
    // One extended APDU with Le, and GET RESPONSE as long as there is more.
    Reply send(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, const ByteVector& data = {});
    Reply send_plain(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, const ByteVector& data = {});
    // Short APDUs with command chaining in blocks of `block` bytes.
    Reply chain(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, const ByteVector& data,
                std::size_t block = 255);

    // --- commands ---
    Reply select();
    Reply get_data(std::uint32_t tag);
    Reply put_data(std::uint32_t tag, const ByteVector& value);
    Reply put_data_chained(std::uint32_t tag, const ByteVector& value, std::size_t block = 255);
    Reply verify(std::string_view pin);
    Reply verify_status();
    Reply log_out();
    Reply change(std::uint8_t reference, std::string_view before, std::string_view after);
    Reply unblock(std::string_view puk, std::string_view pin);
    Reply generate(std::uint8_t slot, Algorithm algorithm = Algorithm::p256, PinPolicy pin = PinPolicy::standard,
                   TouchPolicy touch = TouchPolicy::standard);
    // The scalar is fixed, the point too.
    Reply import_p256(std::uint8_t slot, PinPolicy pin = PinPolicy::standard);
    Reply import_rsa2048(std::uint8_t slot);
    Reply move(std::uint8_t from, std::uint8_t to);
    Reply use_key(std::uint8_t slot, Algorithm algorithm, const ByteVector& input, std::uint32_t tag = 0x81);
    Reply sign(std::uint8_t slot);  // P-256, a fixed digest
    Reply metadata(std::uint8_t reference);
    Reply status();
    Reply read_part(std::uint32_t tag, std::uint32_t offset, std::uint16_t length);
    Reply redeem(std::string_view code, std::string_view pin);
    Reply set_bench_pin(std::string_view pin);
    Reply set_lifecycle(Lifecycle target);
    Reply initialise_command(Profile profile);
    Reply set_retries(std::uint8_t pin, std::uint8_t puk);
    Reply set_management_key(Algorithm algorithm, const ByteVector& key);
    Reply reset_applet();

    Reply write_part(std::uint32_t tag, std::uint32_t total, std::uint32_t offset, const ByteVector& part);

    // --- the secure channel ---
    // Opens one with these keys; the last status word, or 0 where the token doesn't know the keys.
    StatusWord open_channel(const token::ChannelKeys& keys, protocol::SecurityLevel level = SecurityLevel::full);
    // With the keys that the token has now.
    StatusWord open_channel(protocol::SecurityLevel level = SecurityLevel::full);
    // One command through the open channel.
    Reply secure(std::uint8_t cla, std::uint8_t ins, std::uint8_t p1, std::uint8_t p2, const ByteVector& data = {});
    // From now on send() and chain() go through it, and so does nearly everything below them.
    void wrap_all(bool on) { wrapping_ = on; }
    // PUT KEY, through the open channel; the keys count as the token's when it answers 9000.
    Reply put_keys(const token::ChannelKeys& keys);
    // For a test that put other flash under the token.
    void knows_keys(const token::ChannelKeys& keys) { channel_keys_ = keys.copy(); }
    [[nodiscard]] const token::ChannelKeys& channel_keys() const { return channel_keys_; }
    token::Scp03Session& host_session() { return *host_; }

    // 9B, mutual; the last status word.
    StatusWord authenticate(Algorithm algorithm, const ByteVector& key);
    // The bench's authority over this token as it is now. Shipping until it is secured: the channel, through which
    // everything goes from then on, until reset(), power_cycle(), initialise() or secure(). Else 9B.
    StatusWord authenticate();

    // --- what the CA knows ---
    // The code for the event that the status shows, 15 digits.
    std::string reset_code();
    // Values of the token status.
    [[nodiscard]] ByteVector status_value(std::uint32_t tag);
    [[nodiscard]] std::uint8_t pin_tries() { return status_value(protocol::status_tag::pin)[0]; }
    [[nodiscard]] std::uint8_t pin_flags() { return status_value(protocol::status_tag::pin)[2]; }
    [[nodiscard]] std::uint16_t lock_counter();
    [[nodiscard]] std::uint32_t salt();
    [[nodiscard]] std::uint8_t code_tries() { return status_value(protocol::status_tag::lock)[6]; }
    [[nodiscard]] LockState lock_state();
    [[nodiscard]] std::uint32_t change_counter();
    // Six wrong PINs, whatever is left.
    void lock_pin();

    TestPlatform& parts() { return parts_; }
    test::FlashModel& flash() { return parts_.flash; }
    applet::Token& token() { return *token_; }

private:
    Reply put_in_parts(std::uint32_t tag, const ByteVector& value);
    Reply collect(Reply reply);

    TestPlatform parts_;
    std::unique_ptr<applet::Token> token_;
    sim::ChannelCrypto crypto_;
    std::uint8_t challenge_ = 0;
    token::ChannelKeys channel_keys_;
    std::unique_ptr<token::Scp03Session> host_;
    bool wrapping_ = false;
};

// Encrypts or decrypts one block under a management key of any algorithm, as a host does.
ByteVector block_encrypt(Algorithm algorithm, const ByteVector& key, const ByteVector& block);
ByteVector block_decrypt(Algorithm algorithm, const ByteVector& key, const ByteVector& block);
// SP 800-108 and the rule of the reset code, written for the CA's side.
std::string expected_reset_code(std::uint16_t lock_counter, std::uint32_t salt);

}  // namespace sealkey::testing
