// sealkey-sim: the token's firmware on a PC, as a card in the real pcscd or at a socket.
#include <pthread.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <thread>

#include "control.h"
#include "front.h"
#include "usbip_front.h"
#include "virtual_token.h"

namespace {

using namespace sealkey::sim;

// A long command (a key being generated) gets this long to end by itself once the program was asked to.
constexpr std::chrono::milliseconds kGrace{500};

struct Arguments {
    std::vector<std::string> states;
    std::string host = "127.0.0.1";
    std::vector<std::uint16_t> ports;
    std::vector<std::string> sockets;
    std::string usbip;
    std::string control;
    std::string profile;
    std::uint32_t cut_at = 0;
    std::string tear = "subset";
    bool no_button = false;
    std::string log_level = "info";
    std::uint32_t replug_ms = 1000;
    std::string chip;
    double time_scale = 1;
    std::uint64_t chip_seed = 1;
};

constexpr std::uint16_t kVpcdPort = 35963;
constexpr const char* kUsbipAddress = "127.0.0.1:3240";  // the port that usbip asks at

void declare(CLI::App& app, Arguments& arguments) {
    app.add_option("--state", arguments.states, "File that holds one token; made on first use. Several: several tokens")
        ->required();
    app.add_option("--reader-port", arguments.ports, "TCP port of vpcd's reader, one for each --state [35963 and on]");
    app.add_option("--reader-host", arguments.host, "IPv4 address of vpcd's reader")->capture_default_str();
    app.add_option("--socket", arguments.sockets,
                   "Serve programs at this unix socket, one for each --state; without --reader-port no reader is used");
    app.add_option("--usbip", arguments.usbip,
                   "Serve the token as a USB device, for usbip attach, at this IPv4 address and port [" +
                       std::string(kUsbipAddress) + "]; without --reader-port no reader is used")
        ->option_text("[ADDRESS:PORT]")
        ->expected(0, 1)
        ->default_str(kUsbipAddress);
    app.add_option("--control", arguments.control, "Unix socket for tests: plug, power cuts, log of APDUs");
    app.add_option("--profile", arguments.profile, "Personalise a new token as a plain PIV one, with default PINs")
        ->check(CLI::IsMember({"compatibility"}));
    app.add_option("--cut-at", arguments.cut_at, "Cut the power at this flash operation, 1 being the first")
        ->check(CLI::Range(1U, 0xFFFFFFFFU));
    app.add_option("--tear", arguments.tear, "What that operation leaves behind")
        ->check(CLI::IsMember({"nothing", "prefix", "subset", "whole"}))
        ->capture_default_str();
    app.add_option("--replug-ms", arguments.replug_ms, "Time from a power cut to the token being plugged in again")
        ->capture_default_str();
    app.add_option("--chip", arguments.chip, "Answers take as long as with this chip, its flash and USB")
        ->check(CLI::IsMember({"rp2040"}));
    app.add_option("--time-scale", arguments.time_scale, "With --chip: its time is waited times this")
        ->check(CLI::Range(0.0001, 100.0))
        ->capture_default_str();
    app.add_option("--chip-seed", arguments.chip_seed, "With --chip: decides how long each RSA key takes")
        ->capture_default_str();
    app.add_flag("--no-button", arguments.no_button, "Nobody presses the token's button");
    app.add_option("--log-level", arguments.log_level, "debug shows each APDU, secrets masked")
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
        ->capture_default_str();
    app.footer(
        "The state file holds the token's device secret in the clear: it protects nothing. Never keep an\n"
        "enterprise's real key in a simulator.");
}

void check(Arguments& arguments) {
    if (!arguments.sockets.empty() && arguments.sockets.size() != arguments.states.size()) {
        throw std::runtime_error("--socket must be given once for each --state");
    }
    if (arguments.ports.empty() && arguments.sockets.empty() && arguments.usbip.empty()) {
        for (std::size_t i = 0; i < arguments.states.size(); ++i) {
            arguments.ports.push_back(static_cast<std::uint16_t>(kVpcdPort + i));
        }
    }
    if (!arguments.ports.empty() && arguments.ports.size() != arguments.states.size()) {
        throw std::runtime_error("--reader-port must be given once for each --state");
    }
}

std::pair<std::string, std::uint16_t> address_of(const std::string& text) {
    const auto colon = text.rfind(':');
    unsigned port = 0;
    const char* end = text.data() + text.size();
    const bool good = colon != std::string::npos && colon > 0 &&
                      std::from_chars(text.data() + colon + 1, end, port).ptr == end && colon + 1 < text.size() &&
                      port <= 0xFFFF;
    if (!good)
        throw std::runtime_error("--usbip " + text + ": must be an IPv4 address and a port, like " + kUsbipAddress);
    return {text.substr(0, colon), static_cast<std::uint16_t>(port)};
}

class Simulator {
public:
    explicit Simulator(const Arguments& arguments) : stop_event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        for (const std::string& path : arguments.states) add_token(arguments, path);
        const UsbipFront* usbip = arguments.usbip.empty() ? nullptr : add_usbip(arguments.usbip);
        std::vector<ControlServer::Controlled> controlled;
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            ReaderFront* reader = nullptr;
            if (!arguments.ports.empty()) {
                auto front = std::make_unique<ReaderFront>(*tokens_[i], arguments.host, arguments.ports[i]);
                reader = front.get();
                sources_.push_back(std::move(front));
            }
            if (!arguments.sockets.empty()) {
                sources_.push_back(std::make_unique<SocketFront>(*tokens_[i], arguments.sockets[i]));
            }
            controlled.push_back({tokens_[i].get(), reader, usbip});
        }
        if (!arguments.control.empty()) {
            sources_.push_back(std::make_unique<ControlServer>(arguments.control, controlled, [this] { stop(); }));
        }
    }

    void run() {
        while (!stopping_) {
            PollSet set;
            set.add(stop_event_.fd(), POLLIN, [] {});
            for (const auto& token : tokens_) {
                if (const auto when = token->replug_at()) set.at(*when, [&token] { token->plug_again(); });
            }
            for (const auto& source : sources_) source->collect(set);
            set.wait();
        }
    }

    // From any thread.
    void stop() {
        stopping_ = true;
        const std::uint64_t one = 1;
        if (write(stop_event_.fd(), &one, sizeof one) < 0) spdlog::debug("stop was asked for already");
    }

    // Ends the process between two flash operations, as an unplug would: for a command that takes too long.
    [[noreturn]] void end_now() {
        for (const auto& token : tokens_) token->flash().between_operations().lock();
        unlink_listeners();
        _exit(0);
    }

private:
    void add_token(const Arguments& arguments, const std::string& path) {
        VirtualToken::Options options;
        options.state_path = path;
        options.presence = !arguments.no_button;
        options.replug_after = std::chrono::milliseconds(arguments.replug_ms);
        if (!arguments.chip.empty()) options.chip = chip_profile(arguments.chip);
        options.chip_scale = arguments.time_scale;
        options.chip_seed = arguments.chip_seed + tokens_.size();
        if (!arguments.profile.empty()) options.profile = sealkey::protocol::Profile::compatibility;
        tokens_.push_back(std::make_unique<VirtualToken>(options));
        if (arguments.cut_at > 0) tokens_.back()->flash().arm_cut(arguments.cut_at, *tear_by_name(arguments.tear));
    }

    const UsbipFront* add_usbip(const std::string& where) {
        const auto [host, port] = address_of(where);
        std::vector<VirtualToken*> tokens;
        for (const auto& token : tokens_) tokens.push_back(token.get());
        auto front = std::make_unique<UsbipFront>(tokens, host, port);
        if (!host.starts_with("127.")) {
            spdlog::warn("{}: any machine that reaches this address can use the token", where);
        }
        const UsbipFront* out = front.get();
        sources_.push_back(std::move(front));
        return out;
    }

    Socket stop_event_;
    std::atomic<bool> stopping_{false};
    std::vector<std::unique_ptr<VirtualToken>> tokens_;
    std::vector<std::unique_ptr<EventSource>> sources_;
};

// Blocked in every thread; the signal thread takes them one by one.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);
    return signals;
}

// Set once the simulator stands; a signal before that ends the process at once.
std::atomic<Simulator*> running{nullptr};
std::atomic<bool> ended{false};

void serve_signals(const sigset_t& signals) {
    int number = 0;
    sigwait(&signals, &number);
    Simulator* simulator = running;
    if (simulator == nullptr) {
        unlink_listeners();
        _exit(0);
    }
    simulator->stop();
    for (auto waited = std::chrono::milliseconds(0); waited < kGrace && !ended;
         waited += std::chrono::milliseconds(10)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    if (!ended) simulator->end_now();
}

int simulate(const Arguments& arguments) {
    Simulator simulator(arguments);
    running = &simulator;
    spdlog::info("ready");
    simulator.run();
    ended = true;
    unlink_listeners();
    spdlog::info("stopped");
    spdlog::shutdown();
    // The signal thread may still look at the simulator: nothing is torn down under it.
    _exit(0);
}

int run(int argc, char** argv) {
    Arguments arguments;
    CLI::App app(
        "A simulated sealkey token: a card in the real pcscd (through Debian's vsmartcard-vpcd), a USB device, or at a "
        "socket.",
        "sealkey-sim");
    declare(app, arguments);
    CLI11_PARSE(app, argc, argv);

    spdlog::set_default_logger(spdlog::stderr_color_mt("sealkey-sim"));
    spdlog::set_pattern("%H:%M:%S.%e %^%l%$ %v");
    spdlog::set_level(spdlog::level::from_str(arguments.log_level));
    const sigset_t signals = block_signals();
    std::thread([signals] { serve_signals(signals); }).detach();
    try {
        check(arguments);
        return simulate(arguments);
    } catch (const std::exception& error) {
        spdlog::error("{}", error.what());
        unlink_listeners();
        return 1;
    }
}

}  // namespace

// The last resort, where even the log may have failed.
int main(int argc, char** argv) try { return run(argc, argv); } catch (const std::exception& error) {
    std::fprintf(stderr, "sealkey-sim: %s\n", error.what());
    return 1;
} catch (...) {
    std::fputs("sealkey-sim: unknown failure\n", stderr);
    return 1;
}
