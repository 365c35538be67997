// The time that a real chip would take for what the simulated one does: a table of figures, and a meter that adds them
// up during a command and lets the answer wait for the rest of it. What this machine needs to compute the same counts
// as part of that time, as long as it is less; where it is more, it is told apart.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>

namespace sealkey::sim {

// What takes time. The order is that of the table.
enum class ChipOperation : std::uint8_t {
    p256_generate,
    p256_sign,
    p256_verify,
    p256_agree,
    p384_generate,
    p384_sign,
    p384_verify,
    p384_agree,
    rsa2048_private,
    rsa3072_private,
    rsa4096_private,
    rsa2048_generate_fastest,
    rsa2048_generate_slowest,
    hash_byte,
    cipher_byte,
    erase_sector,
    program_page,
    usb_command,
    usb_byte,
};
inline constexpr std::size_t kChipOperations = static_cast<std::size_t>(ChipOperation::usb_byte) + 1;

// What the times are added up as.
enum class ChipPart : std::uint8_t { key_generation, private_key, public_key, symmetric, flash, usb, waiting };
inline constexpr std::size_t kChipParts = static_cast<std::size_t>(ChipPart::waiting) + 1;
[[nodiscard]] const char* name_of(ChipPart part);

struct ChipFigure {
    ChipOperation operation;
    const char* name;
    double microseconds;
    const char* source;
};

struct ChipProfile {
    const char* name;
    std::span<const ChipFigure, kChipOperations> figures;
    [[nodiscard]] double microseconds(ChipOperation operation) const {
        return figures[static_cast<std::size_t>(operation)].microseconds;
    }
};
[[nodiscard]] const ChipProfile* chip_profile(const std::string& name);

class ChipTime {
public:
    using Clock = std::chrono::steady_clock;

    // `scale`: the time is waited times this. `seed`: of the RSA keys' luck, the same for the same seed.
    ChipTime(const ChipProfile& profile, double scale, std::uint64_t seed);

    // From here to end() what is told by did() counts.
    void begin();
    // With the bytes that the command and its answer had on the bus; waits until the chip would be done.
    void end(std::size_t bytes);

    // The one between begin() and end(), if any: the simulator serves one command at a time.
    [[nodiscard]] static ChipTime* running() { return running_; }
    void did(ChipPart part, ChipOperation operation, double times = 1);
    void generated_rsa(unsigned modulus_bits);
    void waited(std::chrono::milliseconds time);  // the firmware's own delays, against guessing

    struct Totals {
        std::array<double, kChipParts> microseconds{};   // as the chip would take them, unscaled
        std::array<std::uint64_t, kChipParts> counts{};  // operations; of the symmetric ones and USB, bytes are not
        std::uint64_t commands = 0;
        double late = 0;  // microseconds, as waited: by which this machine was slower than the scaled chip
    };
    [[nodiscard]] const Totals& totals() const { return totals_; }
    [[nodiscard]] const ChipProfile& profile() const { return profile_; }
    [[nodiscard]] double scale() const { return scale_; }

private:
    void add(ChipPart part, double microseconds);

    static ChipTime* running_;
    const ChipProfile& profile_;
    double scale_;
    std::mt19937_64 luck_;
    Clock::time_point begun_;
    double due_ = 0;  // microseconds of this command
    Totals totals_;
};

}  // namespace sealkey::sim
