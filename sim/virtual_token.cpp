#include "virtual_token.h"

#include <spdlog/spdlog.h>

#include "birth.h"

namespace sealkey::sim {

namespace {

constexpr std::uint8_t kWrongLength[] = {0x67, 0x00};

}  // namespace

VirtualToken::VirtualToken(Options options)
    : options_(std::move(options)), file_(options_.state_path), platform_(file_, options_.presence) {
    if (!file_.manufactured()) manufacture();
    if (options_.chip != nullptr) chip_.emplace(*options_.chip, options_.chip_scale, options_.chip_seed);
    plug();
    if (options_.profile != protocol::Profile::compatibility) return;
    const Transmit door = [this](Bytes command) { return transmit(command); };
    const TokenState state = token_state(door);
    if (state.lifecycle == protocol::Lifecycle::blank) {
        initialise_compatibility(file_, read_birth_record(file_), door);
        spdlog::info("{}: personalised in the compatibility profile", path());
    } else if (state.profile != protocol::Profile::compatibility) {
        throw StateError("state file " + path() +
                         ": its token is of the shipping profile already, which lasts. Leave " +
                         "--profile out, or give another --state");
    }
    token_->reset();
}

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
    replug_at_.reset();
    ++generation_;
    platform_.flash().power_up();
    token_ = make_firmware(platform_.platform());
    const bool started = token_->power_on();
    if (!platform_.flash().powered()) {
        power_lost("start");
    } else if (!started) {
        spdlog::error("{}: the firmware starts in its error state", path());
    }
}

void VirtualToken::unplug() {
    if (!plugged()) return;
    replug_at_.reset();
    ++generation_;
    token_.reset();
}

void VirtualToken::power_lost(const std::string& command) {
    const CutReport& cut = *platform_.flash().last_cut();
    last_cut_command_ = command;
    spdlog::info("{}: power cut in {}: {} of {} bytes at {:#x}, {} of {} changing bytes torn", path(), command,
                 cut.operation, cut.length, cut.offset, cut.torn, cut.to_change);
    unplug();
    replug_at_ = std::chrono::steady_clock::now() + options_.replug_after;
}

std::optional<std::vector<std::uint8_t>> VirtualToken::exchange(Bytes body) {
    if (!plugged()) return std::nullopt;
    if (const auto control = vpcd_control(body)) {
        switch (*control) {
            case VpcdControl::power_off:
                token_->reset();
                return std::nullopt;
            case VpcdControl::power_on:
            case VpcdControl::reset:
                token_->reset();
                return std::nullopt;
            case VpcdControl::atr:
                return token_->atr();
        }
    }
    const std::uint64_t before = platform_.flash().operations();
    const auto start = std::chrono::steady_clock::now();
    if (chip_) chip_->begin();
    const bool too_short = body.size() < 4;
    std::vector<std::uint8_t> response =
        too_short ? std::vector<std::uint8_t>(std::begin(kWrongLength), std::end(kWrongLength)) : transmit(body);
    const auto passed = std::chrono::steady_clock::now() - start;
    if (chip_) chip_->end(body.size() + response.size());
    const bool cut = !platform_.flash().powered();
    if (cut) response.clear();
    log_.add(body, response,
             static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(passed).count()),
             platform_.flash().operations() - before);
    spdlog::debug("{}: {} {} -> {}", path(), log_.entries().back().name, log_.entries().back().command,
                  log_.entries().back().response);
    if (!cut) return response;
    power_lost(command_name(body));
    return std::nullopt;
}

std::vector<std::uint8_t> VirtualToken::transmit(Bytes command) { return token_->transmit(command); }

}  // namespace sealkey::sim
