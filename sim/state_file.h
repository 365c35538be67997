// The file that holds one simulated token: flash image, device secret and chip id.
//
// The device secret lies in it in the clear, so the file is the token: whoever can read it can copy it, and guess the
// PIN at leisure. The simulator is for development and tests, never for an enterprise's real key.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "platform/platform.h"

namespace sealkey::sim {

// Says what is wrong with which file, and what to do.
class StateError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Opened by one process at a time. Every write reaches the kernel before the call returns, so that a killed process
// leaves what a power cut would.
class StateFile {
public:
    static constexpr platform::FlashGeometry kGeometry{4096, 128, 256};

    // Opens the file, or creates it whole (never half: it is written aside and renamed). StateError: another process
    // has it, it isn't a state file, or its format version is unknown; the file is then untouched.
    explicit StateFile(std::string path);
    ~StateFile();
    StateFile(const StateFile&) = delete;
    StateFile& operator=(const StateFile&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] const platform::FlashGeometry& geometry() const { return geometry_; }
    [[nodiscard]] std::span<const std::uint8_t, 8> chip_id() const { return chip_id_; }
    [[nodiscard]] std::span<const std::uint8_t, platform::DeviceSecret::kSize> device_secret() const {
        return device_secret_;
    }

    // Whether the factory's part is done (the transport keys are in the flash image and in the birth record).
    [[nodiscard]] bool manufactured() const { return manufactured_; }
    void set_manufactured();

    [[nodiscard]] Bytes flash() const { return flash_; }
    void write_flash(std::uint32_t offset, Bytes data);
    void erase_all();

private:
    void create();
    void load();

    std::string path_;
    int fd_ = -1;
    platform::FlashGeometry geometry_ = kGeometry;
    std::array<std::uint8_t, 8> chip_id_{};
    std::array<std::uint8_t, platform::DeviceSecret::kSize> device_secret_{};
    bool manufactured_ = false;
    std::vector<std::uint8_t> flash_;
};

// Fills `out` from the kernel's random source; throws StateError if there is none.
void kernel_random(MutableBytes out);

}  // namespace sealkey::sim
