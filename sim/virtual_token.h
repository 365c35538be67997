// One simulated token: a state file, the firmware running on it, and the plug.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
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

// Commands may come from several threads: in the whole process one runs at a time, since the firmware's memory for
// cryptography is one. The plug doesn't wait for them.
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
    // The chip, and what its time has gone to up to the end of the last command; nothing where none was asked for.
    [[nodiscard]] const ChipProfile* chip() const { return options_.chip; }
    [[nodiscard]] double chip_scale() const { return options_.chip_scale; }
    [[nodiscard]] ChipTime::Totals chip_totals() const {
        const std::lock_guard<std::mutex> held(plug_);
        return chip_totals_;
    }

    // In the reader or not. Plugging in starts the firmware; taking it out ends it at once: a command that runs in
    // another thread changes nothing in the flash any more, and its answer is dropped.
    [[nodiscard]] bool plugged() const { return plugged_; }
    // Where a command runs, plug() gives up after a moment, plug_waits() says so, and replug_at() when to call it
    // again: the event loop has more to do than to wait for another token's command.
    void plug();
    // At replug_at(), unless somebody has taken it out in the meantime.
    void plug_again() {
        if (replug_at()) plug();
    }
    void unplug();
    [[nodiscard]] bool plug_waits() const {
        const std::lock_guard<std::mutex> held(plug_);
        return plug_waits_;
    }
    // Rises with every plugging and unplugging, so that a front knows that its card has gone.
    [[nodiscard]] std::uint64_t generation() const { return generation_; }
    // The moment at which it is to be plugged in: again, when a power cut took it out.
    [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> replug_at() const {
        const std::lock_guard<std::mutex> held(plug_);
        return replug_at_;
    }
    // The command under which the last cut came.
    [[nodiscard]] std::string last_cut_command() const {
        const std::lock_guard<std::mutex> held(plug_);
        return last_cut_command_;
    }
    // As it would be printed on it; empty while it is out. Waits for no command: it is what the last one left.
    [[nodiscard]] std::string serial() const;

    // A body from the reader's side: the answer, or nothing (a control command without one; or the power went, and
    // plugged() is false). An answer has at most `longest` bytes; what is longer follows by GET RESPONSE.
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> exchange(Bytes body, std::size_t longest = kMaxAnswer);

private:
    std::optional<std::vector<std::uint8_t>> run(Bytes command, std::size_t longest);
    void start();
    void keep_serial();
    void power_lost(const std::string& command);
    void manufacture();

    Options options_;
    StateFile file_;
    HostPlatform platform_;
    std::optional<ChipTime> chip_;
    static std::timed_mutex turn_;     // of the one command
    std::unique_ptr<Firmware> token_;  // changes with the turn only
    std::atomic<bool> plugged_ = false;
    std::atomic<std::uint64_t> generation_ = 0;
    mutable std::mutex plug_;  // for what follows
    std::optional<std::chrono::steady_clock::time_point> replug_at_;
    bool plug_waits_ = false;
    std::string last_cut_command_;
    std::string serial_;
    ChipTime::Totals chip_totals_;
    ApduLog log_;
};

}  // namespace sealkey::sim
