#include "applet/about.h"

#include <algorithm>

#include "applet/key_store.h"
#include "applet/lock.h"
#include "applet/management.h"
#include "applet/pin.h"
#include "base/tlv.h"
#include "crypto/hash.h"

namespace sealkey::applet {

namespace {

namespace st = protocol::status_tag;
namespace flag = protocol::pin_flag;
namespace ref = protocol::ref;

// GET METADATA's own tags, as common clients read them.
namespace meta {
constexpr std::uint32_t algorithm = 0x01;
constexpr std::uint32_t policy = 0x02;
constexpr std::uint32_t origin = 0x03;
constexpr std::uint32_t public_key = 0x04;
constexpr std::uint32_t is_default = 0x05;
constexpr std::uint32_t retries = 0x06;
}  // namespace meta

constexpr std::uint8_t kNoAlgorithm = 0xFF;  // PIN and PUK

template <std::size_t N>
Bytes be(std::array<std::uint8_t, N>& out, std::uint32_t value) {
    for (std::size_t i = 0; i < N; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * (N - 1 - i)));
    return out;
}

std::uint8_t byte(auto value) { return static_cast<std::uint8_t>(value); }

// Before birth the end of the chip's own id stands in for the serial.
std::array<std::uint8_t, protocol::kSerialSize> serial_of(const Core& core) {
    if (core.state.config.lifecycle != Lifecycle::blank) return core.state.config.serial;
    constexpr char digits[] = "0123456789ABCDEF";
    std::array<std::uint8_t, protocol::kSerialSize> out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::uint8_t pair = core.platform.chip_id[2 + i / 2];
        out[i] = byte(digits[i % 2 == 0 ? pair >> 4 : pair & 0x0F]);
    }
    return out;
}

std::uint32_t numeric_serial_of(const Core& core) {
    if (core.state.config.lifecycle != Lifecycle::blank) return core.state.config.numeric_serial;
    return load_be32(&core.platform.chip_id[4]) & 0x7FFFFFFF;
}

void put_pin(const Core& core, TlvWriter& writer) {
    const bool set = core.vault.has_wrap(store::WrapReference::pin);
    const std::uint8_t left = pin_tries_left(core);
    const std::uint8_t flags =
        byte((left == 0 ? flag::blocked : 0) | (core.session.pin_verified ? flag::verified : 0) |
             (set ? 0 : flag::never_set) | (core.state.pin.pin_default ? flag::default_value : 0));
    const std::uint8_t pin[] = {left, core.state.config.pin_tries, flags};
    writer.put(st::pin, pin);
}

void put_lock(const Core& core, TlvWriter& writer) {
    const PinRecord& record = core.state.pin;
    const bool stuck = core.try_log_missing && core.personalised();
    std::array<std::uint8_t, 9> lock{};
    store_be16(&lock[0], record.lock_counter);
    store_be32(&lock[2], record.salt);
    lock[6] = code_tries_left(core);
    lock[7] = record.burned;
    lock[8] = byte(stuck ? LockState::bench_only : record.lock);
    writer.put(st::lock, lock);
}

// Whatever keeps the public key from being read: 0, and the client asks for the metadata.
void put_key_check(const Core& core, const Slot& slot, MutableBytes out) {
    if (slot.key == 0) return;
    std::array<std::uint8_t, kMaxPublicKey> public_key{};
    const auto size = read_public_key(core, slot, public_key);
    if (!size) return;
    std::copy_n(crypto::sha256(Bytes(public_key).first(*size)).begin(), out.size(), out.begin());
}

void put_slots(const Core& core, TlvWriter& writer) {
    for (std::size_t i = 0; i < kSlotCount; ++i) {
        const Slot& slot = core.state.slots[i];
        if (slot.key == 0 && slot.certificate_size == 0) continue;
        std::array<std::uint8_t, protocol::kSlotStatusSize> out{};
        out[0] = slot_reference(i);
        out[1] = byte(slot.algorithm);
        out[2] = byte(slot.pin_policy);
        out[3] = byte(slot.touch_policy);
        out[4] = byte(slot.origin);
        store_be16(&out[5], slot.certificate_size);
        store_be16(&out[7], slot.certificate_changes);
        std::copy(slot.fingerprint.begin(), slot.fingerprint.end(), out.begin() + 9);
        put_key_check(core, slot, MutableBytes(out).last(protocol::kKeyCheckSize));
        writer.put(st::slot, out);
    }
}

void put_watched(const Core& core, TlvWriter& writer) {
    for (std::size_t i = 0; i < kWatchedObjects.size(); ++i) {
        const Watched& watched = core.state.watched[i];
        if (watched.size == 0) continue;
        std::array<std::uint8_t, protocol::kObjectStatusSize> out{};
        out[0] = byte(kWatchedObjects[i]);
        store_be32(&out[1], watched.size);
        std::copy(watched.fingerprint.begin(), watched.fingerprint.end(), out.begin() + 5);
        writer.put(st::object, out);
    }
}

StatusWord pin_metadata(const Core& core, std::uint8_t reference, iso7816::Response& response) {
    const bool pin = reference == ref::pin;
    const Config& config = core.state.config;
    const std::uint8_t retries[] = {pin ? config.pin_tries : config.puk_tries,
                                    pin ? pin_tries_left(core) : puk_tries_left(core)};
    const bool is_default = pin ? core.state.pin.pin_default : core.state.pin.puk_default;
    TlvWriter writer(response.head_buffer());
    writer.put_byte(meta::algorithm, kNoAlgorithm)
        .put_byte(meta::is_default, is_default ? 1 : 0)
        .put(meta::retries, retries);
    return response.set(writer);
}

StatusWord management_metadata(const Core& core, iso7816::Response& response) {
    const auto key = load_management_key(core);
    if (!key) return key.error() == Error::not_found ? sw::reference_not_found : status_word(key.error());
    const std::uint8_t policy[] = {0, byte(TouchPolicy::never)};
    TlvWriter writer(response.head_buffer());
    writer.put_byte(meta::algorithm, byte(key->algorithm))
        .put(meta::policy, policy)
        .put_byte(meta::is_default, core.state.pin.management_default ? 1 : 0);
    return response.set(writer);
}

}  // namespace

StatusWord run_token_status(Core& core, iso7816::Response& response) {
    const Config& config = core.state.config;
    const PinRecord& record = core.state.pin;
    std::array<std::uint8_t, 4> number{};
    TlvWriter writer(response.head_buffer());
    writer.put_byte(st::version, 1)
        .put(st::serial, serial_of(core))
        .put(st::firmware, kFirmwareVersion)
        .put_byte(st::profile, byte(config.profile))
        .put_byte(st::lifecycle, byte(config.lifecycle));
    put_pin(core, writer);
    const std::uint8_t puk_left = puk_tries_left(core);
    const std::uint8_t puk[] = {puk_left, config.puk_tries, byte(puk_left == 0 ? flag::blocked : 0)};
    writer.put(st::puk, puk);
    put_lock(core, writer);
    writer.put(st::change_counter, be(number, core.state.changes));
    writer.put(st::numeric_serial, be(number, numeric_serial_of(core)));
    if (record.reset_done) {
        std::array<std::uint8_t, 18> done{};
        store_be16(done.data(), record.reset_done_counter);
        std::copy(record.reset_done_mac.begin(), record.reset_done_mac.end(), done.begin() + 2);
        writer.put(st::reset_done, done);
    }
    put_slots(core, writer);
    put_watched(core, writer);
    return response.set(writer);
}

StatusWord run_get_metadata(Core& core, const GetMetadata& command, iso7816::Response& response) {
    if (command.reference == ref::pin || command.reference == ref::puk) {
        return pin_metadata(core, command.reference, response);
    }
    if (command.reference == ref::management) return management_metadata(core, response);
    const Slot& slot = core.state.slots[*slot_index(command.reference)];
    if (slot.key == 0) return sw::reference_not_found;
    std::array<std::uint8_t, kMaxPublicKey> public_key{};
    const auto size = read_public_key(core, slot, public_key);
    if (!size) return status_word(size.error());
    const std::uint8_t policy[] = {byte(slot.pin_policy), byte(slot.touch_policy)};
    TlvWriter writer(response.head_buffer());
    writer.put_byte(meta::algorithm, byte(slot.algorithm))
        .put(meta::policy, policy)
        .put_byte(meta::origin, byte(slot.origin))
        .put(meta::public_key, Bytes(public_key).first(*size));
    return response.set(writer);
}

StatusWord run_get_serial(const Core& core, iso7816::Response& response) {
    std::array<std::uint8_t, 4> number{};
    return response.set(be(number, numeric_serial_of(core)));
}

}  // namespace sealkey::applet
