// A flash part in RAM that holds the firmware to the rules of real parts and can lose power in any operation.
//
// It aborts the test program when a rule is broken: a program call out of alignment, a unit programmed twice between
// two erasures (a torn one counts as programmed), a bit raised by programming, a use of a sector whose erasure was
// torn.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "platform/platform.h"

namespace sealkey::test {

// What the interrupted operation leaves behind.
enum class Tear : std::uint8_t {
    nothing,  // power went before the operation began
    prefix,   // the first part is done, bit by bit; of an erasure: the first bytes are erased
    subset,   // any subset of the bits is done
    weak,     // a subset is done, and some of the bits read differently each time
    nearly,   // all is done but some bits, which read differently each time
};
inline constexpr Tear kAllTears[] = {Tear::nothing, Tear::prefix, Tear::subset, Tear::weak, Tear::nearly};
const char* name_of(Tear tear);

class FlashModel final : public platform::Flash {
public:
    explicit FlashModel(platform::FlashGeometry geometry);

    [[nodiscard]] platform::FlashGeometry geometry() const override { return geometry_; }
    [[nodiscard]] bool read(std::uint32_t offset, MutableBytes out) override;
    [[nodiscard]] bool program(std::uint32_t offset, Bytes data) override;
    [[nodiscard]] bool erase(std::uint32_t sector) override;

    // Power goes in the operation (program or erase) that is `after` operations from now, 0 being the next.
    void cut_in(std::uint64_t after, Tear tear, std::uint32_t seed);
    // Power is back; the cut is forgotten. Until then every call fails.
    void power_on();
    [[nodiscard]] bool dead() const { return dead_; }
    // True when the last cut left an operation done in part.
    [[nodiscard]] bool torn() const { return torn_; }

    [[nodiscard]] std::uint64_t operations() const { return operations_; }
    [[nodiscard]] std::uint64_t erasures() const { return erasures_; }
    [[nodiscard]] std::uint64_t erasures(std::uint32_t sector) const { return wear_[sector]; }

    // Where the last operation, cut or not, took place; for reports.
    struct Last {
        bool is_erase = false;
        std::uint32_t offset = 0;
        std::uint32_t length = 0;
    };
    [[nodiscard]] Last last() const { return last_; }

    // True when these bytes stand anywhere in the part.
    [[nodiscard]] bool holds(Bytes needle) const;

    // The part's content, to go back to.
    struct State {
        std::vector<std::uint8_t> bytes;
        std::vector<bool> programmed;                // by unit
        std::vector<bool> half_erased;               // by sector
        std::map<std::uint32_t, std::uint8_t> weak;  // offset -> bits that read differently each time
    };
    [[nodiscard]] const State& state() const { return state_; }
    void restore(const State& state);
    // A worn part: it reads, and neither programs nor erases.
    void refuse_writes(bool refuse) { refuses_ = refuse; }
    // Arbitrary content; nothing may be programmed over it.
    void fill(Bytes content);

private:
    bool counts_down();
    void tear_program(std::uint32_t offset, Bytes data);
    void tear_erase(std::uint32_t sector);

    platform::FlashGeometry geometry_;
    State state_;
    std::vector<std::uint64_t> wear_;
    std::uint64_t operations_ = 0;
    std::uint64_t erasures_ = 0;
    bool armed_ = false;
    bool dead_ = false;
    bool refuses_ = false;
    bool torn_ = false;
    std::uint64_t countdown_ = 0;
    Tear tear_ = Tear::nothing;
    std::mt19937 random_{1};
    std::mt19937 noise_{2};
    Last last_;
};

}  // namespace sealkey::test
