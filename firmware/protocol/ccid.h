// What a card reader and its host both know of the CCID class (USB Chip/Smart Card Interface Devices, revision 1.1).
#pragma once

#include <cstddef>
#include <cstdint>

namespace sealkey::protocol::ccid {

// The interface, and its class descriptor (5.1).
inline constexpr std::uint8_t kInterfaceClass = 0x0B;
inline constexpr std::uint8_t kDescriptorType = 0x21;
inline constexpr std::uint8_t kDescriptorSize = 54;
// dwFeatures: at what level commands are exchanged.
inline constexpr std::uint32_t kLevelMask = 0x0007'0000;
inline constexpr std::uint32_t kShortApduLevel = 0x0002'0000;
inline constexpr std::uint32_t kExtendedApduLevel = 0x0004'0000;

// Requests at the control endpoint (5.3).
namespace request {
inline constexpr std::uint8_t abort = 0x01;
inline constexpr std::uint8_t clock_frequencies = 0x02;
inline constexpr std::uint8_t data_rates = 0x03;
}  // namespace request

// Messages from the host (6.1) and to it (6.2, 6.3). A byte from the other side may be none of these.
enum class Command : std::uint8_t {
    set_parameters = 0x61,
    power_on = 0x62,
    power_off = 0x63,
    slot_status = 0x65,
    secure = 0x69,
    t0_apdu = 0x6A,
    escape = 0x6B,
    get_parameters = 0x6C,
    reset_parameters = 0x6D,
    clock = 0x6E,
    transfer = 0x6F,
    mechanical = 0x71,
    abort = 0x72,
    set_rate = 0x73,
};
enum class AnswerType : std::uint8_t {
    data_block = 0x80,
    slot_status = 0x81,
    parameters = 0x82,
    escape = 0x83,
    rate = 0x84,
};
inline constexpr std::uint8_t kSlotChange = 0x50;  // by the interrupt endpoint

struct Exchange {
    Command command;
    AnswerType answer;
};
inline constexpr Exchange kExchanges[] = {
    {Command::set_parameters, AnswerType::parameters},
    {Command::power_on, AnswerType::data_block},
    {Command::power_off, AnswerType::slot_status},
    {Command::slot_status, AnswerType::slot_status},
    {Command::secure, AnswerType::data_block},
    {Command::t0_apdu, AnswerType::slot_status},
    {Command::escape, AnswerType::escape},
    {Command::get_parameters, AnswerType::parameters},
    {Command::reset_parameters, AnswerType::parameters},
    {Command::clock, AnswerType::slot_status},
    {Command::transfer, AnswerType::data_block},
    {Command::mechanical, AnswerType::slot_status},
    {Command::abort, AnswerType::slot_status},
    {Command::set_rate, AnswerType::rate},
};
// What isn't a command at all is refused by the slot's status.
[[nodiscard]] constexpr AnswerType answer_to(Command command) {
    for (const Exchange& exchange : kExchanges) {
        if (exchange.command == command) return exchange.answer;
    }
    return AnswerType::slot_status;
}

// Every message begins with ten bytes: type, length of what follows them, slot, sequence number, three more.
inline constexpr std::size_t kHeaderSize = 10;
namespace offset {
inline constexpr std::uint8_t length = 1;
inline constexpr std::uint8_t slot = 5;
inline constexpr std::uint8_t sequence = 6;
inline constexpr std::uint8_t parameter = 7;  // bPowerSelect, bProtocolNum, bBWI
inline constexpr std::uint8_t level = 8;      // wLevelParameter
inline constexpr std::uint8_t data = 10;
// Of an answer:
inline constexpr std::uint8_t status = 7;
inline constexpr std::uint8_t error = 8;
inline constexpr std::uint8_t last = 9;  // clock status, protocol number or chain parameter
}  // namespace offset

// bProtocolNum of the parameters (6.1.7).
inline constexpr std::uint8_t kProtocolT1 = 1;

// wLevelParameter of a transfer whose APDU takes several messages (6.1.4); goes_on asks for the rest of an answer.
enum class Level : std::uint16_t { whole = 0x0000, first = 0x0001, last = 0x0002, middle = 0x0003, goes_on = 0x0010 };
// bChainParameter of a data block (6.2.1).
enum class Chain : std::uint8_t { whole = 0, begins = 1, ends = 2, middle = 3, command_goes_on = 0x10 };

// bStatus (6.2.6): the card's state in the two low bits, what became of the command in the two high ones.
enum class CardState : std::uint8_t { active = 0, inactive = 1, absent = 2 };
enum class Outcome : std::uint8_t { done = 0, failed = 1, more_time = 2 };
inline constexpr unsigned kOutcomeShift = 6;
[[nodiscard]] constexpr std::uint8_t status_byte(Outcome outcome, CardState card) {
    return static_cast<std::uint8_t>(static_cast<unsigned>(outcome) << kOutcomeShift | static_cast<unsigned>(card));
}

// bError of a failure (table 6.2-2). Below 80h: the offset of the field that is wrong, 0 being the message's type. Of a
// request for more time it is how many waiting times more.
namespace error {
inline constexpr std::uint8_t not_supported = 0x00;
inline constexpr std::uint8_t slot_busy = 0xE0;
inline constexpr std::uint8_t busy_by_itself = 0xF2;  // with a sequence of its own
inline constexpr std::uint8_t protocol_not_supported = 0xF6;
inline constexpr std::uint8_t bad_atr_start = 0xF8;  // TS
inline constexpr std::uint8_t hardware = 0xFB;
inline constexpr std::uint8_t overrun = 0xFC;
inline constexpr std::uint8_t parity = 0xFD;
inline constexpr std::uint8_t mute = 0xFE;
inline constexpr std::uint8_t aborted = 0xFF;
}  // namespace error

// Numbers on this bus begin with their lowest byte.
[[nodiscard]] constexpr std::uint32_t load_le32(const std::uint8_t* p) {
    return std::uint32_t{p[0]} | (std::uint32_t{p[1]} << 8) | (std::uint32_t{p[2]} << 16) | (std::uint32_t{p[3]} << 24);
}
constexpr void store_le32(std::uint8_t* p, std::uint32_t v) {
    for (int i = 0; i < 4; ++i) p[i] = static_cast<std::uint8_t>(v >> (8 * i));
}

}  // namespace sealkey::protocol::ccid
