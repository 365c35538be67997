// A power cut at a chosen flash operation, for tests: what the operation leaves behind, and a report of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace sealkey::sim {

// What a torn program or erase leaves.
enum class Tear : std::uint8_t {
    nothing,  // power went just before: old bytes stay
    prefix,   // the first part is done
    subset,   // any mix of old and new bits
    whole,    // power went just after
};

[[nodiscard]] std::optional<Tear> tear_by_name(const std::string& name);
[[nodiscard]] const char* name_of(Tear tear);

// What the last cut did.
struct CutReport {
    std::string operation;    // "program" or "erase"
    std::uint32_t number;     // counted from the arming, 1 is the first
    std::uint32_t offset;     // bytes from the start of the flash
    std::uint32_t length;     // bytes of the operation
    std::uint32_t to_change;  // bytes that the whole operation would have changed
    std::uint32_t torn;       // of these, bytes that didn't get their new value
    Tear tear;
};

class PowerCut {
public:
    // The cut comes at the `number`-th program or erase from now, 1 being the next.
    void arm(std::uint32_t number, Tear tear) {
        left_ = number;
        number_ = number;
        tear_ = tear;
    }
    void disarm() { left_ = 0; }
    [[nodiscard]] bool armed() const { return left_ > 0; }

    // To be called for each operation; true: this is the one, and torn() gives what it leaves.
    [[nodiscard]] bool strikes() { return left_ > 0 && --left_ == 0; }

    // Overwrites `wanted` (what the whole operation leaves) with what the torn one leaves, given the bytes before.
    // `seed` decides the random choices.
    CutReport apply(const char* operation, std::uint32_t offset, Bytes before, MutableBytes wanted, std::uint64_t seed);

private:
    std::uint32_t left_ = 0;
    std::uint32_t number_ = 0;
    Tear tear_ = Tear::subset;
};

}  // namespace sealkey::sim
