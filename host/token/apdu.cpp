#include "token/apdu.h"

#include <algorithm>

#include "base/bytes.h"
#include "protocol/limits.h"
#include "protocol/piv.h"
#include "token/error.h"

namespace sealkey::token {

namespace {

constexpr std::size_t kShortBlock = 255;
constexpr std::uint8_t kChaining = 0x10;

// One command APDU: cases 1 to 4, short or extended.
ByteVector encode(const Command& command, ByteView block, bool last, bool extended) {
    const bool le = last && command.expects_data;
    ByteVector out;
    out.reserve(block.size() + 9);
    out.push_back(static_cast<std::uint8_t>(command.cla | (last ? 0 : kChaining)));
    out.push_back(command.ins);
    out.push_back(command.p1);
    out.push_back(command.p2);
    // Extended only where it gains something: long data, or an answer that may be long.
    const bool long_form = extended && (block.size() > kShortBlock || le);
    if (long_form) out.push_back(0);
    if (!block.empty()) {
        if (long_form) out.push_back(static_cast<std::uint8_t>(block.size() >> 8));
        out.push_back(static_cast<std::uint8_t>(block.size()));
        out.insert(out.end(), block.begin(), block.end());
    }
    if (le) out.insert(out.end(), long_form ? 2 : 1, 0);
    return out;
}

Answer transmit(transport::Connection& connection, ByteVector command) {
    Answer answer{};
    try {
        answer.data = connection.transmit(command);
    } catch (...) {
        wipe(command);
        throw;
    }
    wipe(command);
    if (answer.data.size() < 2) throw TokenError(Kind::malformed_answer, "the card's answer has no status word");
    answer.status_word = load_be16(answer.data.data() + answer.data.size() - 2);
    answer.data.resize(answer.data.size() - 2);
    return answer;
}

}  // namespace

Answer exchange(transport::Connection& connection, const Command& command) {
    const bool extended = connection.extended_length();
    const std::size_t block_size = extended ? protocol::kMaxCommandData : kShortBlock;
    ByteView rest = command.data;
    while (rest.size() > block_size) {
        const auto answer = transmit(connection, encode(command, rest.first(block_size), false, extended));
        if (!answer.ok()) return answer;
        rest = rest.subspan(block_size);
    }
    Answer answer = transmit(connection, encode(command, rest, true, extended));
    while ((answer.status_word & 0xFF00) == protocol::sw::more_data) {
        const auto left = static_cast<std::uint8_t>(answer.status_word);
        const ByteVector get_response = {0x00, static_cast<std::uint8_t>(protocol::Ins::get_response), 0, 0, left};
        Answer more = transmit(connection, get_response);
        const bool stuck = more.data.empty() && (more.status_word & 0xFF00) == protocol::sw::more_data;
        if (stuck || answer.data.size() + more.data.size() > kMaxAnswer) {
            throw TokenError(Kind::malformed_answer, "the card's answer has no end");
        }
        answer.data.insert(answer.data.end(), more.data.begin(), more.data.end());
        answer.status_word = more.status_word;
        wipe(more.data);
    }
    return answer;
}

}  // namespace sealkey::token
