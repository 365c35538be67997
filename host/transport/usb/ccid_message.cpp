#include "transport/usb/ccid_message.h"

#include <algorithm>

namespace sealkey::transport::usb {

namespace {

namespace error = protocol::ccid::error;
namespace offset = protocol::ccid::offset;
using protocol::ccid::load_le32;

constexpr std::size_t kFeaturesAt = 40;
constexpr std::size_t kMaxMessageAt = 44;
// A short APDU must fit; no key needs more than an extended APDU's 64 KiB.
constexpr std::size_t kLeastMessage = kHeaderSize + 261;
constexpr std::size_t kMostMessage = kHeaderSize + 65544;

constexpr const char* kFaultTexts[] = {"", "header", "length", "type", "slot", "status", "chain parameter"};

struct ErrorText {
    std::uint8_t error;
    const char* text;
};
constexpr ErrorText kErrorTexts[] = {
    {error::not_supported, "not supported"},
    {error::slot_busy, "busy with another command"},
    {error::busy_by_itself, "busy with something of its own"},
    {error::protocol_not_supported, "the card's protocol isn't supported"},
    {error::bad_atr_start, "bad first byte of the answer to reset"},
    {error::hardware, "hardware error"},
    {error::overrun, "overrun while talking to the card"},
    {error::parity, "parity error while talking to the card"},
    {error::mute, "the card doesn't answer"},
    {error::aborted, "aborted"},
};

}  // namespace

ByteVector make_message(Command command, std::uint8_t sequence, ByteView data, Level level) {
    ByteVector out(kHeaderSize + data.size());
    const auto length = static_cast<std::uint32_t>(data.size());
    out[0] = static_cast<std::uint8_t>(command);
    protocol::ccid::store_le32(&out[offset::length], length);
    out[offset::sequence] = sequence;
    // Byte 7: bPowerSelect (the reader chooses) or bBWI, both 0.
    out[offset::level] = static_cast<std::uint8_t>(static_cast<std::uint16_t>(level));
    std::copy(data.begin(), data.end(), out.begin() + kHeaderSize);
    return out;
}

Parsed parse_answer(ByteView transfer) {
    Parsed out;
    const auto fault = [&out](MessageFault what) {
        out.fault = what;
        return out;
    };
    if (transfer.size() < kHeaderSize) return fault(MessageFault::short_header);
    if (load_le32(&transfer[offset::length]) != transfer.size() - kHeaderSize) return fault(MessageFault::length);
    Answer& answer = out.answer;
    answer.type = static_cast<AnswerType>(transfer[0]);
    if (answer.type != AnswerType::data_block && answer.type != AnswerType::slot_status) {
        return fault(MessageFault::type);
    }
    if (transfer[offset::slot] != 0) return fault(MessageFault::slot);
    answer.sequence = transfer[offset::sequence];
    const std::uint8_t status = transfer[offset::status];
    const std::uint8_t card = status & 0x03;
    const std::uint8_t outcome = status >> protocol::ccid::kOutcomeShift;
    if ((status & 0x3C) != 0 || card > 2 || outcome > 2) return fault(MessageFault::status);
    answer.card = static_cast<CardState>(card);
    answer.outcome = static_cast<Outcome>(outcome);
    answer.error = transfer[offset::error];
    answer.data = transfer.subspan(kHeaderSize);
    // Only a successful one of these has data.
    const bool carries = answer.type == AnswerType::data_block && answer.outcome == Outcome::done;
    if (!carries && !answer.data.empty()) return fault(MessageFault::length);
    if (!carries) return out;
    const std::uint8_t chain = transfer[offset::last];
    if (chain > 3 && chain != static_cast<std::uint8_t>(Chain::command_goes_on)) return fault(MessageFault::chain);
    answer.chain = static_cast<Chain>(chain);
    return out;
}

const char* text_of(MessageFault fault) { return kFaultTexts[static_cast<std::size_t>(fault)]; }

std::string text_of_error(std::uint8_t error) {
    for (const auto& row : kErrorTexts) {
        if (row.error == error) return row.text;
    }
    if (error < 0x80) return "byte " + std::to_string(error) + " of the message is wrong";
    return "error " + std::to_string(error);
}

std::optional<ReaderTraits> parse_class_descriptor(ByteView extra) {
    while (extra.size() >= 2 && extra[0] >= 2 && extra[0] <= extra.size()) {
        if (extra[1] != protocol::ccid::kDescriptorType) {
            extra = extra.subspan(extra[0]);
            continue;
        }
        if (extra[0] != protocol::ccid::kDescriptorSize) return std::nullopt;
        const std::uint32_t level = load_le32(&extra[kFeaturesAt]) & protocol::ccid::kLevelMask;
        const std::uint32_t longest = load_le32(&extra[kMaxMessageAt]);
        const bool extended = level == protocol::ccid::kExtendedApduLevel;
        if (!extended && level != protocol::ccid::kShortApduLevel) return std::nullopt;
        if (longest < kLeastMessage) return std::nullopt;
        return ReaderTraits{extended, std::min<std::size_t>(longest, kMostMessage)};
    }
    return std::nullopt;
}

}  // namespace sealkey::transport::usb
