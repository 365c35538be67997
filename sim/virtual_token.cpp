#include "virtual_token.h"

#include <spdlog/spdlog.h>

#include "birth.h"

namespace sealkey::sim {

namespace {

constexpr std::uint8_t kWrongLength[] = {0x67, 0x00};
constexpr std::chrono::milliseconds kMoment{10};  // that the event loop may stand still

}  // namespace

VirtualToken::VirtualToken(Options options)
    : options_(std::move(options)), file_(options_.state_path), platform_(file_, options_.presence) {
    if (!file_.manufactured()) manufacture();
    if (options_.chip != nullptr) chip_.emplace(*options_.chip, options_.chip_scale, options_.chip_seed);
    plug();
    if (options_.profile != protocol::Profile::compatibility) return;
    const Transmit door = [this](Bytes command) { return token_->transmit(command, kMaxAnswer); };
    const TokenState state = token_state(door);
    if (state.lifecycle == protocol::Lifecycle::blank) {
        initialise_compatibility(file_, read_birth_record(file_), door);
        keep_serial();
        spdlog::info("{}: personalised in the compatibility profile", path());
    } else if (state.profile != protocol::Profile::compatibility) {
        throw StateError("state file " + path() +
                         ": its token is of the shipping profile already, which lasts. Leave " +
                         "--profile out, or give another --state");
    }
    token_->reset();
}

std::timed_mutex VirtualToken::turn_;

VirtualToken::~VirtualToken() = default;

// The record comes first: a token whose transport keys nobody has could never be personalised. A run that ends in
// between starts the factory's part anew.
void VirtualToken::manufacture() {
    const TransportKeys keys = new_transport_keys();
    file_.erase_all();
    write_birth_record(file_, keys);
    const auto firmware = make_firmware(platform_.platform());
    const bool good = firmware->manufacture(keys);
    if (!good) throw StateError("state file " + path() + ": the firmware couldn't be set up in its flash");
    file_.set_manufactured();
    spdlog::info("{}: new token, blank; factory record in {}", path(), birth_record_path(path()));
}

void VirtualToken::plug() {
    if (plugged()) return;
    const std::unique_lock<std::timed_mutex> turn(turn_, kMoment);
    if (turn.owns_lock()) {
        start();
    } else {
        const std::lock_guard<std::mutex> held(plug_);
        replug_at_ = std::chrono::steady_clock::now();
        plug_waits_ = true;
    }
}

void VirtualToken::start() {
    {
        const std::lock_guard<std::mutex> held(plug_);
        replug_at_.reset();
        plug_waits_ = false;
    }
    ++generation_;
    platform_.flash().power_up();
    token_ = make_firmware(platform_.platform());
    plugged_ = true;
    const bool started = token_->power_on();
    keep_serial();
    if (!platform_.flash().powered()) {
        power_lost("start");
    } else if (!started) {
        spdlog::error("{}: the firmware starts in its error state", path());
    }
}

// The firmware itself goes with the next plugging, where a command still runs in it.
void VirtualToken::unplug() {
    {
        const std::lock_guard<std::mutex> held(plug_);
        replug_at_.reset();
        plug_waits_ = false;
    }
    if (!plugged()) return;
    plugged_ = false;
    ++generation_;
    platform_.flash().power_down();
}

void VirtualToken::power_lost(const std::string& command) {
    const auto cut = platform_.flash().last_cut();
    spdlog::info("{}: power cut in {}: {} of {} bytes at {:#x}, {} of {} changing bytes torn", path(), command,
                 cut->operation, cut->length, cut->offset, cut->torn, cut->to_change);
    unplug();
    const std::lock_guard<std::mutex> held(plug_);
    last_cut_command_ = command;
    replug_at_ = std::chrono::steady_clock::now() + options_.replug_after;
}

std::string VirtualToken::serial() const {
    const std::lock_guard<std::mutex> held(plug_);
    return plugged() ? serial_ : std::string();
}

// At the end of a turn.
void VirtualToken::keep_serial() {
    std::string serial = token_->serial();
    const std::lock_guard<std::mutex> held(plug_);
    serial_ = std::move(serial);
}

std::optional<std::vector<std::uint8_t>> VirtualToken::exchange(Bytes body, std::size_t longest) {
    const std::lock_guard<std::timed_mutex> turn(turn_);
    if (!plugged()) return std::nullopt;
    if (const auto control = vpcd_control(body)) {
        switch (*control) {
            case VpcdControl::power_off:
            case VpcdControl::power_on:
            case VpcdControl::reset:
                token_->reset();
                return std::nullopt;
            case VpcdControl::atr:
                return token_->atr();
        }
    }
    return run(body, longest);
}

std::optional<std::vector<std::uint8_t>> VirtualToken::run(Bytes command, std::size_t longest) {
    const std::uint64_t before = platform_.flash().operations();
    const auto start = std::chrono::steady_clock::now();
    if (chip_) chip_->begin();
    const bool too_short = command.size() < 4;
    std::vector<std::uint8_t> response =
        too_short ? std::vector<std::uint8_t>(std::begin(kWrongLength), std::end(kWrongLength))
                  : token_->transmit(command, longest);
    const auto passed = std::chrono::steady_clock::now() - start;
    if (chip_) {
        chip_->end(command.size() + response.size());
        const std::lock_guard<std::mutex> held(plug_);
        chip_totals_ = chip_->totals();
    }
    const bool lost = !platform_.flash().powered();
    if (lost) response.clear();
    log_.add(command, response,
             static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(passed).count()),
             platform_.flash().operations() - before);
    const ApduEntry entry = log_.last();
    spdlog::debug("{}: {} {} -> {}", path(), entry.name, entry.command, entry.response);
    if (!lost) {
        keep_serial();
        return response;
    }
    if (plugged()) {
        power_lost(entry.name);
    } else {
        spdlog::info("{}: taken out during {}", path(), entry.name);
    }
    return std::nullopt;
}

}  // namespace sealkey::sim
