// CCID messages as a host writes and reads them (USB CCID, revision 1.1, chapters 5 and 6). What comes from a device is
// somebody else's: every field is checked before it is used.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "protocol/ccid.h"
#include "transport/transport.h"

namespace sealkey::transport::usb {

using protocol::ccid::AnswerType;
using protocol::ccid::CardState;
using protocol::ccid::Chain;
using protocol::ccid::Command;
using protocol::ccid::kHeaderSize;
using protocol::ccid::Level;
using protocol::ccid::Outcome;

// A message to slot 0.
[[nodiscard]] ByteVector make_message(Command command, std::uint8_t sequence, ByteView data = {},
                                      Level level = Level::whole);

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

// What bError says, in words.
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
