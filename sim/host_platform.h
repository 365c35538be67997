// The firmware's platform on a PC: flash in a state file, the kernel's entropy, and power that can be cut.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>

#include "chip_time.h"
#include "platform/platform.h"
#include "power_cut.h"
#include "state_file.h"

namespace sealkey::sim {

class HostFlash final : public platform::Flash {
public:
    explicit HostFlash(StateFile& file) : file_(file) {}

    [[nodiscard]] platform::FlashGeometry geometry() const override { return file_.geometry(); }
    [[nodiscard]] bool read(std::uint32_t offset, MutableBytes out) override;
    [[nodiscard]] bool program(std::uint32_t offset, Bytes data) override;
    [[nodiscard]] bool erase(std::uint32_t sector) override;

    // The power cut to come, from any thread.
    void arm_cut(std::uint32_t number, Tear tear);
    void disarm_cut();
    [[nodiscard]] bool cut_armed();
    // After a cut every call fails, as the part is off, until power_up().
    [[nodiscard]] bool powered() const { return powered_; }
    void power_up() { powered_ = true; }
    // The plug was pulled: nothing changes any more, from the end of the operation that is under way.
    void power_down();
    [[nodiscard]] std::optional<CutReport> last_cut();
    // Programs and erases since the start that changed something.
    [[nodiscard]] std::uint64_t operations() const { return operations_; }

    // Held during a program or an erase: who has it can end the process between two of them.
    std::mutex& between_operations() { return mutex_; }

private:
    void tell_chip_time(std::size_t size);
    bool write(const char* operation, std::uint32_t offset, MutableBytes wanted);

    StateFile& file_;
    PowerCut cut_;
    std::optional<CutReport> last_cut_;
    std::atomic<std::uint64_t> operations_ = 0;
    std::atomic<bool> powered_ = true;
    std::mutex mutex_;
};

class KernelEntropy final : public platform::Entropy {
public:
    [[nodiscard]] bool fill(MutableBytes out) override;
};

class HostClock final : public platform::Clock {
public:
    [[nodiscard]] std::uint32_t milliseconds() override;
    void delay(std::uint32_t milliseconds) override;

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

class NoIndicator final : public platform::Indicator {
public:
    void show(platform::Indication) override {}
};

// A button that is always, or never, pressed.
class ConfiguredPresence final : public platform::Presence {
public:
    explicit ConfiguredPresence(bool present) : present_(present) {}
    [[nodiscard]] bool confirmed(std::uint32_t) override { return present_; }

private:
    bool present_;
};

class FileDeviceSecret final : public platform::DeviceSecret {
public:
    explicit FileDeviceSecret(const StateFile& file) : file_(file) {}
    void read(std::span<std::uint8_t, kSize> out) override;

private:
    const StateFile& file_;
};

// All of it, over one state file.
class HostPlatform {
public:
    HostPlatform(StateFile& file, bool presence);

    platform::Platform& platform() { return platform_; }
    HostFlash& flash() { return flash_; }

private:
    HostFlash flash_;
    KernelEntropy entropy_;
    HostClock clock_;
    NoIndicator indicator_;
    ConfiguredPresence presence_;
    FileDeviceSecret device_secret_;
    platform::Platform platform_;
};

}  // namespace sealkey::sim
