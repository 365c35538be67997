// Commands longer than one APDU and answers longer than one: chaining, extended length and GET RESPONSE.
// ISO/IEC 7816-4 clauses 5.1, 5.3.3 and 5.3.4.
#pragma once

#include <cstdint>

#include "protocol/status_words.h"
#include "transport/transport.h"

namespace sealkey::token {

using ByteVector = transport::ByteVector;
using ByteView = transport::ByteView;

struct Command {
    std::uint8_t cla;
    std::uint8_t ins;
    std::uint8_t p1 = 0;
    std::uint8_t p2 = 0;
    ByteView data{};
    bool expects_data = false;  // sends Le: all that there is
    bool secure = false;        // through the secure channel, where Token has one open
};

struct Answer {
    ByteVector data;
    protocol::StatusWord status_word;
    [[nodiscard]] bool ok() const { return status_word == protocol::sw::ok; }
};

// Longest answer that is collected; a card that sends more is refused.
inline constexpr std::size_t kMaxAnswer = 128 * 1024;

// Sends one command, however many APDUs it takes. Every copy of its data made here is wiped. An answer shorter than
// two bytes or longer than kMaxAnswer: TokenError malformed_answer. The caller holds the transaction.
[[nodiscard]] Answer exchange(transport::Connection& connection, const Command& command);

}  // namespace sealkey::token
