// CCID messages as a host writes and reads them (USB CCID, revision 1.1, chapters 5 and 6). What comes from a device is
// somebody else's: every field is checked before it is used.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "transport/transport.h"

namespace sealkey::transport::usb {

inline constexpr std::size_t kHeaderSize = 10;

enum class Command : std::uint8_t {
    power_on = 0x62,
    power_off = 0x63,
    slot_status = 0x65,
    transfer = 0x6F,
    abort = 0x72,
};

enum class AnswerType : std::uint8_t { data_block = 0x80, slot_status = 0x81 };
[[nodiscard]] AnswerType answer_to(Command command);

// wLevelParameter of a transfer whose APDU takes several messages; goes_on asks for the rest of an answer.
enum class Level : std::uint16_t { whole = 0x0000, first = 0x0001, last = 0x0002, middle = 0x0003, goes_on = 0x0010 };

// A message to slot 0.
[[nodiscard]] ByteVector make_message(Command command, std::uint8_t sequence, ByteView data = {},
                                      Level level = Level::whole);

enum class CardState : std::uint8_t { active = 0, inactive = 1, absent = 2 };
enum class Outcome : std::uint8_t { done = 0, failed = 1, more_time = 2 };
// bChainParameter of a data block.
enum class Chain : std::uint8_t { whole = 0, begins = 1, ends = 2, middle = 3, command_goes_on = 0x10 };

// What an answer says; `data` lies in the bytes that were parsed.
struct Answer {
    AnswerType type{};
    std::uint8_t sequence = 0;
    CardState card{};
    Outcome outcome{};
    std::uint8_t error = 0;  // bError: of a failure its cause, of a time extension the multiplier
    Chain chain = Chain::whole;
    ByteView data;
};

enum class MessageFault { none, short_header, length, type, slot, status, chain };

struct Parsed {
    MessageFault fault = MessageFault::none;
    Answer answer;
};

// One bulk IN transfer. A fault other than none: it isn't an answer, and nothing of it may be used.
[[nodiscard]] Parsed parse_answer(ByteView transfer);
[[nodiscard]] const char* text_of(MessageFault fault);

// bError values that a client tells apart (table 6.2-2).
namespace error {
inline constexpr std::uint8_t not_supported = 0x00;
inline constexpr std::uint8_t slot_busy = 0xE0;
inline constexpr std::uint8_t mute = 0xFE;
inline constexpr std::uint8_t aborted = 0xFF;
}  // namespace error
[[nodiscard]] std::string text_of_error(std::uint8_t error);

// How APDUs are carried, from the class descriptor (5.1).
struct ReaderTraits {
    bool extended = false;          // short and extended APDUs; otherwise short ones alone
    std::size_t max_message = 271;  // the longest message, header included
};

// The class descriptor (54 bytes, type 21h) among an interface's extra descriptors. Nothing: there is none, it is
// malformed, or the reader's level isn't that of APDUs.
[[nodiscard]] std::optional<ReaderTraits> parse_class_descriptor(ByteView extra);

}  // namespace sealkey::transport::usb
