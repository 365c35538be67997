#include "token/status.h"

#include <algorithm>

#include "base/tlv.h"
#include "token/error.h"

namespace sealkey::token {

namespace {

namespace tag = protocol::status_tag;

[[noreturn]] void malformed(const std::string& what) {
    throw TokenError(Kind::malformed_answer, "the key's status can't be read: " + what);
}

Bytes sized(const Tlv& item, std::size_t size, const char* what) {
    if (item.value.size() != size) malformed(what);
    return item.value;
}

std::string serial_of(Bytes bytes) {
    std::string serial(bytes.begin(), bytes.end());
    for (const char c : serial) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
        if (!plain) malformed("serial");
    }
    return serial;
}

SecretState secret_of(Bytes value) {
    SecretState state;
    state.tries_left = value[0];
    state.tries_max = value[1];
    state.blocked = (value[2] & protocol::pin_flag::blocked) != 0;
    state.verified = (value[2] & protocol::pin_flag::verified) != 0;
    state.never_set = (value[2] & protocol::pin_flag::never_set) != 0;
    state.default_value = (value[2] & protocol::pin_flag::default_value) != 0;
    return state;
}

LockInfo lock_of(Bytes value) {
    LockInfo lock;
    lock.counter = load_be16(&value[0]);
    lock.salt = load_be32(&value[2]);
    lock.code_tries_left = value[6];
    lock.burned = value[7];
    if (value[8] > static_cast<std::uint8_t>(protocol::LockState::bench_only)) malformed("lock state");
    lock.state = static_cast<protocol::LockState>(value[8]);
    if (lock.salt >= protocol::kSaltLimit) malformed("salt");
    return lock;
}

SlotInfo slot_of(Bytes value) {
    SlotInfo slot;
    slot.slot = value[0];
    slot.algorithm = static_cast<protocol::Algorithm>(value[1]);
    slot.pin_policy = static_cast<protocol::PinPolicy>(value[2]);
    slot.touch_policy = static_cast<protocol::TouchPolicy>(value[3]);
    slot.origin = static_cast<protocol::Origin>(value[4]);
    slot.certificate_length = load_be16(&value[5]);
    slot.certificate_changes = load_be16(&value[7]);
    std::copy_n(value.begin() + 9, slot.fingerprint.size(), slot.fingerprint.begin());
    std::copy_n(value.begin() + 25, slot.key_check.size(), slot.key_check.begin());
    return slot;
}

ObjectInfo object_of(Bytes value) {
    ObjectInfo object;
    object.tag = 0x5FFF00U | value[0];
    object.length = load_be32(&value[1]);
    std::copy_n(value.begin() + 5, object.fingerprint.size(), object.fingerprint.begin());
    return object;
}

protocol::Profile profile_of(std::uint8_t value) {
    if (value > static_cast<std::uint8_t>(protocol::Profile::compatibility)) malformed("profile");
    return static_cast<protocol::Profile>(value);
}

void take(TokenStatus& status, const Tlv& item) {
    switch (item.tag) {
        case tag::version:
            if (sized(item, 1, "version")[0] != 1) malformed("version");
            break;
        case tag::serial:
            status.serial = serial_of(sized(item, protocol::kSerialSize, "serial"));
            break;
        case tag::firmware: {
            const Bytes value = sized(item, status.firmware.size(), "firmware version");
            std::copy(value.begin(), value.end(), status.firmware.begin());
            break;
        }
        case tag::profile:
            status.profile = profile_of(sized(item, 1, "profile")[0]);
            break;
        case tag::lifecycle:
            status.lifecycle = static_cast<protocol::Lifecycle>(sized(item, 1, "lifecycle")[0]);
            break;
        case tag::pin:
            status.pin = secret_of(sized(item, 3, "PIN state"));
            break;
        case tag::puk:
            status.puk = secret_of(sized(item, 3, "PUK state"));
            break;
        case tag::lock:
            status.lock = lock_of(sized(item, 9, "lock state"));
            break;
        case tag::change_counter:
            status.change_counter = load_be32(sized(item, 4, "change counter").data());
            break;
        case tag::numeric_serial:
            status.numeric_serial = load_be32(sized(item, 4, "numeric serial").data());
            break;
        case tag::reset_done: {
            const Bytes value = sized(item, 18, "reset proof");
            ResetDone done;
            done.counter = load_be16(value.data());
            std::copy_n(value.begin() + 2, done.proof.size(), done.proof.begin());
            status.reset_done = done;
            break;
        }
        case tag::slot:
            status.slots.push_back(slot_of(sized(item, protocol::kSlotStatusSize, "slot")));
            break;
        case tag::object:
            status.objects.push_back(object_of(sized(item, protocol::kObjectStatusSize, "object")));
            break;
        default:
            break;
    }
}

}  // namespace

const SlotInfo* TokenStatus::slot(std::uint8_t reference) const {
    for (const auto& one : slots) {
        if (one.slot == reference) return &one;
    }
    return nullptr;
}

const ObjectInfo* TokenStatus::object(std::uint32_t object_tag) const {
    for (const auto& one : objects) {
        if (one.tag == object_tag) return &one;
    }
    return nullptr;
}

TokenStatus parse_status(Bytes data) {
    TokenStatus status;
    bool versioned = false;
    TlvReader reader(data);
    while (!reader.at_end()) {
        const auto item = reader.next();
        if (!item) malformed("format");
        if (item->tag == tag::version) versioned = true;
        take(status, *item);
    }
    if (!versioned || status.serial.empty()) malformed("version or serial missing");
    return status;
}

LockStatement parse_lock_statement(Bytes data) {
    if (data.size() != protocol::kLockStatementSize || data[0] != 1) malformed("lock statement");
    LockStatement statement;
    std::copy(data.begin(), data.end(), statement.bytes.begin());
    statement.key_version = data[1];
    statement.serial = serial_of(data.subspan(2, protocol::kSerialSize));
    statement.lock.counter = load_be16(&data[14]);
    statement.lock.salt = load_be32(&data[16]);
    statement.lock.code_tries_left = data[20];
    if (data[21] > static_cast<std::uint8_t>(protocol::LockState::bench_only)) malformed("lock state");
    statement.lock.state = static_cast<protocol::LockState>(data[21]);
    if (statement.lock.salt >= protocol::kSaltLimit) malformed("salt");
    std::copy_n(data.begin() + protocol::kLockStatementSigned, statement.mac.size(), statement.mac.begin());
    return statement;
}

}  // namespace sealkey::token
