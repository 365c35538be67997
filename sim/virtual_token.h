// One simulated token: a state file, the firmware running on it, and the plug.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apdu_log.h"
#include "chip_time.h"
#include "firmware.h"
#include "host_platform.h"
#include "protocol/key.h"
#include "state_file.h"
#include "vpcd_frame.h"

namespace sealkey::sim {

class VirtualToken {
public:
    struct Options {
        std::string state_path;
        bool presence = true;                                 // what the button answers
        protocol::Profile profile = protocol::Profile::none;  // compatibility: personalise a blank token so
        std::chrono::milliseconds replug_after{1000};         // from a power cut to the token being there again
        const ChipProfile* chip = nullptr;                    // answers take as long as this chip would; none: no wait
        double chip_scale = 1;
        std::uint64_t chip_seed = 1;
    };

    // Opens or makes the token and does the factory's part where it isn't done. Throws StateError.
    explicit VirtualToken(Options options);
    ~VirtualToken();
    VirtualToken(const VirtualToken&) = delete;
    VirtualToken& operator=(const VirtualToken&) = delete;

    [[nodiscard]] const std::string& path() const { return options_.state_path; }
    [[nodiscard]] const StateFile& state() const { return file_; }
    HostFlash& flash() { return platform_.flash(); }
    [[nodiscard]] const ApduLog& log() const { return log_; }
    [[nodiscard]] const std::optional<ChipTime>& chip() const { return chip_; }

    // In the reader or not. Plugging in starts the firmware; taking it out ends it at once.
    [[nodiscard]] bool plugged() const { return token_ != nullptr; }
    void plug();
    void unplug();
    // Rises with every plugging and unplugging, so that a front knows that its card has gone.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }
    // When a power cut took it out: the moment at which it is to be plugged in again.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> replug_at() const { return replug_at_; }
    // The command under which the last cut came.
    [[nodiscard]] const std::string& last_cut_command() const { return last_cut_command_; }

    // A body from the reader's side: the answer, or nothing (a control command without one; or the power went, and
    // plugged() is false).
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> exchange(Bytes body);

private:
    std::vector<std::uint8_t> transmit(Bytes command);
    void power_lost(const std::string& command);
    void manufacture();

    Options options_;
    StateFile file_;
    HostPlatform platform_;
    std::optional<ChipTime> chip_;
    std::unique_ptr<Firmware> token_;
    std::uint64_t generation_ = 0;
    std::optional<std::chrono::steady_clock::time_point> replug_at_;
    std::string last_cut_command_;
    ApduLog log_;
};

}  // namespace sealkey::sim
