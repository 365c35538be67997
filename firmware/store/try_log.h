// Try counters that an attacker can't wind back by cutting the power: a two-sector unary log, apart from the store.
//
// A try is spent on flash, and read back, before the secret is looked at. Each slot (a unit, or 8 bytes where units are
// smaller) carries {kind, reference, epoch} and their complement, so that no slot whose programming was cut reads as
// another one: programming only clears bits, and every cleared bit has a partner that must stay set. A slot that is
// neither erased nor valid counts as spent for each open counter that it may have been meant for.
#pragma once

#include <array>
#include <cstdint>

#include "base/result.h"
#include "platform/platform.h"
#include "store/store.h"

namespace sealkey::store {

enum class TryReference : std::uint8_t { pin = 1, code = 2, puk = 3 };

class TryLog {
public:
    // What spent() answers when there is no log: more than any limit.
    static constexpr std::uint8_t kAllSpent = 0xFF;

    // `sectors` are exactly two.
    TryLog(platform::Flash& flash, SectorRange sectors) : flash_(flash), sectors_(sectors) {}

    // not_found: no log there (blank flash). On a personalised token the caller treats that as every counter spent.
    // unsupported_format: another format version; nothing was changed.
    [[nodiscard]] Status mount();
    // An empty log. Cut, it leaves the old log, an empty one or none.
    [[nodiscard]] Status format();

    // Tries spent for this reference in this epoch since its last CLEAR; slots of another epoch don't count. kAllSpent
    // without a log.
    [[nodiscard]] std::uint8_t spent(TryReference reference, std::uint16_t epoch) const;
    // Programs one SPENT slot and reads it back. Any failure: the caller must not look at the secret.
    [[nodiscard]] Status spend(TryReference reference, std::uint16_t epoch);
    // Programs one CLEAR slot after success.
    [[nodiscard]] Status clear(TryReference reference, std::uint16_t epoch);

private:
    static constexpr std::size_t kReferences = 3;
    static constexpr std::size_t kSlotBytes = 8;
    static constexpr std::size_t kHeaderSize = 32;
    enum class Kind : std::uint8_t { spent, clear, mark };
    using Slot = std::array<std::uint8_t, kSlotBytes>;

    // The open counter of a reference: the epoch last seen, and what was spent in it.
    struct Counter {
        bool open = false;
        std::uint16_t epoch = 0;
        std::uint8_t spent = 0;
    };
    using Counters = std::array<Counter, kReferences>;

    [[nodiscard]] static Slot encode(Kind kind, std::uint8_t reference, std::uint16_t epoch);
    [[nodiscard]] static bool may_be(const Slot& torn, std::uint8_t reference, std::uint16_t epoch);
    [[nodiscard]] static bool count(Counters& counters, const Slot& slot);
    static void count_torn(Counters& counters, const Slot& slot);

    [[nodiscard]] std::uint32_t slot_size() const;
    [[nodiscard]] std::uint32_t header_size() const;
    [[nodiscard]] std::uint32_t slots() const;
    [[nodiscard]] std::uint32_t address(std::uint32_t half, std::uint32_t offset) const;
    [[nodiscard]] Status check_geometry();
    struct Half {
        bool valid = false;
        std::uint32_t sequence = 0;
        Counters counters;
    };
    [[nodiscard]] Status read_header(std::uint32_t half, Half& out, bool& foreign);
    [[nodiscard]] Status read_slot(std::uint32_t half, std::uint32_t slot, Slot& out);
    [[nodiscard]] Status choose(bool& both);
    [[nodiscard]] Status replay(bool& torn);
    [[nodiscard]] Status look_closely(std::uint32_t slot, Slot& out, bool& steady);
    [[nodiscard]] Status write_header(std::uint32_t half);
    [[nodiscard]] Status write_slot(const Slot& slot);
    [[nodiscard]] Status write(Kind kind, TryReference reference, std::uint16_t epoch);
    [[nodiscard]] Status make_room(std::uint32_t slots_needed);
    [[nodiscard]] Status swap();

    platform::Flash& flash_;
    SectorRange sectors_;
    platform::FlashGeometry geometry_{};
    bool mounted_ = false;
    std::uint32_t half_ = 0;  // the one in use
    std::uint32_t sequence_ = 0;
    std::uint32_t next_ = 0;  // slot
    Counters counters_{};
};

}  // namespace sealkey::store
