// The token's stored state as records, and how they change.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "applet/session.h"
#include "applet/staging_state.h"
#include "applet/storage_map.h"
#include "base/result.h"
#include "channel/scp03.h"
#include "crypto/drbg.h"
#include "platform/platform.h"
#include "protocol/key.h"
#include "protocol/limits.h"
#include "protocol/status_words.h"
#include "store/store.h"
#include "store/try_log.h"
#include "store/vault.h"

namespace sealkey::applet {

using protocol::Algorithm;
using protocol::Lifecycle;
using protocol::LockState;
using protocol::Origin;
using protocol::PinPolicy;
using protocol::Profile;
using protocol::StatusWord;
using protocol::TouchPolicy;
using store::Purpose;
namespace sw = protocol::sw;

// A wipe that has begun is finished at mount, whatever happens in between.
enum class Wipe : std::uint8_t { none = 0, reset = 1, terminate = 2 };

struct Config {
    Lifecycle lifecycle = Lifecycle::blank;
    Profile profile = Profile::none;
    std::array<std::uint8_t, protocol::kSerialSize> serial{};
    std::uint32_t numeric_serial = 0;
    std::uint8_t kvn = 0;
    bool has_unlock_key = false;
    std::uint8_t pin_tries = protocol::kPinTries;
    std::uint8_t puk_tries = protocol::kPukTries;
    Wipe wipe = Wipe::none;

    static constexpr std::size_t kSize = 25;
    void encode(std::array<std::uint8_t, kSize>& out) const;
    [[nodiscard]] Status decode(const std::array<std::uint8_t, kSize>& in);
};

struct PinRecord {
    std::uint16_t pin_epoch = 0;
    std::uint16_t puk_epoch = 0;
    std::uint16_t lock_counter = 0;
    std::uint32_t salt = 0;
    std::uint8_t burned = 0;
    LockState lock = LockState::none;
    bool pin_default = false;
    bool puk_default = false;
    bool management_default = false;
    bool reset_done = false;
    std::uint16_t reset_done_counter = 0;
    std::array<std::uint8_t, 16> reset_done_mac{};

    static constexpr std::size_t kSize = 32;
    void encode(std::array<std::uint8_t, kSize>& out) const;
    [[nodiscard]] Status decode(const std::array<std::uint8_t, kSize>& in);
};

// One name among 9A..95: the key that stands there and its certificate.
struct Slot {
    KeyId key = 0;
    Algorithm algorithm = Algorithm::none;
    PinPolicy pin_policy = PinPolicy::standard;  // resolved: never, once or always when there is a key
    TouchPolicy touch_policy = TouchPolicy::standard;
    Origin origin = Origin::none;
    bool moved = false;  // since it was made: it isn't attested any more
    std::uint16_t certificate_size = 0;
    std::uint16_t certificate_changes = 0;
    std::array<std::uint8_t, protocol::kFingerprintSize> fingerprint{};

    static constexpr std::size_t kSize = 26;
    void encode(std::array<std::uint8_t, kSize>& out) const;
    [[nodiscard]] Status decode(const std::array<std::uint8_t, kSize>& in);
    void drop_key();
};

// Length and fingerprint of a vendor object.
struct Watched {
    std::uint32_t size = 0;
    std::array<std::uint8_t, 8> fingerprint{};

    static constexpr std::size_t kSize = 12;
    void encode(std::array<std::uint8_t, kSize>& out) const;
    [[nodiscard]] Status decode(const std::array<std::uint8_t, kSize>& in);
};

struct State {
    Config config;
    PinRecord pin;
    std::uint32_t changes = 0;
    std::array<Slot, kSlotCount> slots{};
    std::array<Watched, kWatchedObjects.size()> watched{};
    Places places;
    Staging staging;
    Renewal renewal;
};

// The secure channel and what its opening needs. A card reset ends the channel; the attempts count until power goes.
struct ChannelState {
    channel::Scp03 session{};
    std::uint32_t next_counter = 0;      // of the challenges; valid below reserved_counter
    std::uint32_t reserved_counter = 0;  // stands in flash; 0: nothing reserved since the start
    std::uint8_t attempts = 0;           // openings begun since the last one that succeeded
};

// Where a data object's value lies now; nothing for a tag that names no data object of ours.
[[nodiscard]] std::optional<ObjectId> stored_object(const State& state, std::uint32_t tag);

// Longest sealed key, and the work space for one command's secrets.
using KeyBuffer = Secret<store::Vault::kMaxPlain>;

// Everything that the applet's behaviour works on; one per token.
struct Core {
    platform::Platform& platform;
    store::Store& store;
    store::TryLog& tries;
    store::Vault& vault;
    crypto::Drbg& drbg;
    State state{};
    Session session{};
    ChannelState channel{};
    KeyBuffer key_buffer{};
    StageLoad loading{};
    bool try_log_missing = false;  // on a personalised token: every counter is spent
    bool failed = false;           // what stands in flash isn't known any more: nothing but 6F01 until the next start

    // Reads the records; absent ones have their initial value.
    [[nodiscard]] Status load();
    [[nodiscard]] bool personalised() const {
        return state.config.lifecycle == Lifecycle::initialised || state.config.lifecycle == Lifecycle::secured;
    }
};

// One change of stored state: the records in Core::state are altered in place, put by the put_ functions and made
// durable by commit(). When it ends otherwise, Core::state is read back from the store.
class Change {
public:
    // Reserves room for `payload` bytes in `objects` puts and removes, besides the records put below. Upkeep may use
    // the store's last room: removing, PIN and PUK, lock events, lifecycle and wipe, and nothing else.
    [[nodiscard]] static Result<Change> begin(Core& core, std::uint32_t payload, std::uint32_t objects,
                                              Purpose purpose = Purpose::content);
    // Whether begin() would find that room for upkeep; makes it where it can. Asked before a try is spent, so that a
    // full token doesn't cost one.
    [[nodiscard]] static Status require_room(Core& core, std::uint32_t payload, std::uint32_t objects);
    Change(Change&& other) noexcept;
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;
    Change& operator=(Change&&) = delete;
    ~Change();

    [[nodiscard]] store::Transaction& transaction() { return transaction_; }

    // Marks a record to be written at commit.
    void touch_config() { config_ = true; }
    void touch_pin() { pin_ = true; }
    void touch_slot(std::size_t index) { slots_ |= std::uint32_t{1} << index; }
    void touch_watched(std::size_t index) { watched_ |= static_cast<std::uint8_t>(1U << index); }
    // These three aren't among what begin() reserves for by itself: kRenewalRecords, kRenewalRecordsSize.
    void touch_places() { places_ = true; }
    void touch_staging() { staging_ = true; }  // removes the record when nothing is staged
    void touch_renewal() { renewal_ = true; }
    static constexpr std::uint32_t kRenewalRecords = 3;
    static constexpr std::uint32_t kRenewalRecordsSize = Places::kSize + Staging::kSize + Renewal::kSize;

    // Raises the change counter and publishes everything.
    [[nodiscard]] Status commit();

    // Slot records that one change may touch.
    static constexpr std::uint32_t kSlotsPerChange = 3;

private:
    Change(Core& core, store::Transaction&& transaction) : core_(&core), transaction_(std::move(transaction)) {}
    [[nodiscard]] Status put_records();
    [[nodiscard]] Status put_renewal_records();

    Core* core_;
    store::Transaction transaction_;
    bool committed_ = false;
    bool config_ = false;
    bool pin_ = false;
    std::uint32_t slots_ = 0;
    std::uint8_t watched_ = 0;
    bool places_ = false;
    bool staging_ = false;
    bool renewal_ = false;
};

// The one place where errors of the rooms below become status words.
[[nodiscard]] StatusWord status_word(Error error);
[[nodiscard]] inline StatusWord status_word(const Status& status) {
    return status.ok() ? sw::ok : status_word(status.error());
}

}  // namespace sealkey::applet
