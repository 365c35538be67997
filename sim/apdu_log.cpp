#include "apdu_log.h"

#include <spdlog/fmt/fmt.h>

#include "protocol/key.h"
#include "protocol/piv.h"
#include "protocol/scp03.h"

namespace sealkey::sim {

namespace {

using protocol::ChannelIns;
using protocol::Ins;
using protocol::OwnIns;

enum class Hide : std::uint8_t { nothing, data, answer, both };

struct Known {
    bool own;  // class 80
    std::uint8_t ins;
    const char* name;
    Hide hide;
};

constexpr std::uint8_t code(Ins ins) { return static_cast<std::uint8_t>(ins); }
constexpr std::uint8_t code(OwnIns ins) { return static_cast<std::uint8_t>(ins); }
constexpr std::uint8_t code(ChannelIns ins) { return static_cast<std::uint8_t>(ins); }

constexpr Known kCommands[] = {
    {false, code(Ins::verify), "VERIFY", Hide::data},
    {false, code(Ins::change_reference_data), "CHANGE REFERENCE DATA", Hide::data},
    {false, code(Ins::reset_retry_counter), "RESET RETRY COUNTER", Hide::data},
    {false, code(Ins::generate_key_pair), "GENERATE ASYMMETRIC KEY PAIR", Hide::nothing},
    {false, code(Ins::general_authenticate), "GENERAL AUTHENTICATE", Hide::both},
    {false, code(Ins::select), "SELECT", Hide::nothing},
    {false, code(Ins::get_response), "GET RESPONSE", Hide::nothing},
    {false, code(Ins::get_data), "GET DATA", Hide::nothing},
    {false, code(Ins::put_data), "PUT DATA", Hide::nothing},
    {false, code(Ins::move_key), "MOVE KEY", Hide::nothing},
    {false, code(Ins::get_metadata), "GET METADATA", Hide::nothing},
    {false, code(Ins::get_serial), "GET SERIAL", Hide::nothing},
    {false, code(Ins::attest), "ATTEST", Hide::nothing},
    {false, code(Ins::set_pin_retries), "SET PIN RETRIES", Hide::nothing},
    {false, code(Ins::reset), "RESET", Hide::nothing},
    {false, code(Ins::get_version), "GET VERSION", Hide::nothing},
    {false, code(Ins::import_key), "IMPORT ASYMMETRIC KEY", Hide::data},
    {false, code(Ins::set_management_key), "SET MANAGEMENT KEY", Hide::data},
    {true, code(OwnIns::token_status), "TOKEN STATUS", Hide::nothing},
    {true, code(OwnIns::read_part), "READ PART", Hide::nothing},
    {true, code(OwnIns::redeem_code), "REDEEM CODE", Hide::data},
    {true, code(OwnIns::initialise), "INITIALISE", Hide::data},
    {true, code(OwnIns::set_bench_pin), "SET BENCH PIN", Hide::data},
    {true, code(OwnIns::set_lifecycle), "SET LIFECYCLE", Hide::nothing},
    {true, code(OwnIns::attest), "ATTEST", Hide::nothing},
    {true, code(OwnIns::write_part), "WRITE PART", Hide::nothing},
    {true, code(ChannelIns::initialize_update), "INITIALIZE UPDATE", Hide::nothing},
    {true, code(ChannelIns::external_authenticate), "EXTERNAL AUTHENTICATE", Hide::nothing},
    {true, code(ChannelIns::put_key), "PUT KEY", Hide::data},
};

constexpr std::uint8_t kOwnClass = 0x80;
constexpr std::size_t kHeader = 4;
constexpr std::size_t kStatusWord = 2;

const Known* find(Bytes command) {
    if (command.size() < kHeader) return nullptr;
    const bool own = (command[0] & kOwnClass) != 0;
    for (const Known& known : kCommands) {
        if (known.own == own && known.ins == command[1]) return &known;
    }
    return nullptr;
}

std::string hex(Bytes bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) text += fmt::format("{:02X}", byte);
    return text;
}

// A command that we don't know may carry anything: its data is hidden.
bool hides_data(const Known* known) {
    return known == nullptr || known->hide == Hide::data || known->hide == Hide::both;
}
bool hides_answer(const Known* known) {
    return known != nullptr && (known->hide == Hide::answer || known->hide == Hide::both);
}

std::string mask_answer(Bytes response) {
    if (response.size() <= kStatusWord) return hex(response);
    const std::size_t data = response.size() - kStatusWord;
    return fmt::format("[{} bytes] {}", data, hex(response.subspan(data)));
}

}  // namespace

std::string command_name(Bytes command) {
    const Known* known = find(command);
    if (known != nullptr) return known->name;
    return hex(command.first(std::min(command.size(), kHeader)));
}

std::string masked_command(Bytes command) {
    if (command.size() <= kHeader || !hides_data(find(command))) return hex(command);
    return fmt::format("{} [{} bytes]", hex(command.first(kHeader)), command.size() - kHeader);
}

std::string masked_response(Bytes command, Bytes response) {
    return hides_answer(find(command)) ? mask_answer(response) : hex(response);
}

void ApduLog::add(Bytes command, Bytes response, std::uint64_t microseconds, std::uint64_t flash_operations) {
    const std::lock_guard<std::mutex> held(mutex_);
    const Known* known = find(command);
    const bool continues = known != nullptr && !known->own && known->ins == code(Ins::get_response);
    if (!continues) last_was_secret_ = hides_answer(known);
    const std::string answer = last_was_secret_ ? mask_answer(response) : hex(response);
    bytes_ += command.size() + response.size();
    entries_.push_back(
        {++count_, command_name(command), masked_command(command), answer, microseconds, flash_operations});
    if (entries_.size() > kKept) entries_.pop_front();
}

std::vector<ApduEntry> ApduLog::since(std::uint64_t number) const {
    const std::lock_guard<std::mutex> held(mutex_);
    std::vector<ApduEntry> out;
    for (const ApduEntry& entry : entries_) {
        if (entry.number >= number) out.push_back(entry);
    }
    return out;
}

ApduEntry ApduLog::last() const {
    const std::lock_guard<std::mutex> held(mutex_);
    return entries_.back();
}

}  // namespace sealkey::sim
