#include "token/factory.h"

#include <algorithm>

#include "protocol/factory.h"

namespace sealkey::token {

bool waits_for_manufacture(Token& token) {
    try {
        const Answer status = token.send({.cla = protocol::kClaOwn,
                                          .ins = static_cast<std::uint8_t>(protocol::OwnIns::token_status),
                                          .expects_data = true});
        if (status.status_word == protocol::sw::self_test_failed) throw_status("TOKEN STATUS", status.status_word);
        if (status.status_word != protocol::sw::conditions_not_satisfied) return false;
        // Only the open door knows the command, and without its data it is of a wrong length.
        const Answer door = token.send({.cla = protocol::kClaOwn, .ins = protocol::kInsManufacture});
        return door.status_word == protocol::sw::wrong_length;
    } catch (const TokenError& error) {
        if (error.kind() != Kind::not_a_sealkey) throw;
        return false;
    }
}

ChipNumber manufacture(Token& token, const ChannelKeys& transport) {
    constexpr std::size_t size = protocol::kManufactureSize / 3;
    Secret<protocol::kManufactureSize> data;
    data.resize(protocol::kManufactureSize);
    MutableBytes rest = data.buffer();
    for (const Secret<32>* key : {&transport.enc, &transport.mac, &transport.dek}) {
        if (key->size() != size) throw TokenError(Kind::bad_argument, "a transport key has 32 bytes");
        std::ranges::copy(key->bytes(), rest.begin());
        rest = rest.subspan(size);
    }
    const Answer answer = token.send(
        {.cla = protocol::kClaOwn, .ins = protocol::kInsManufacture, .data = data.bytes(), .expects_data = true});
    if (!answer.ok()) throw_status("MANUFACTURE", answer.status_word);
    ChipNumber number{};
    if (answer.data.size() != number.size()) {
        throw TokenError(Kind::malformed_answer, "MANUFACTURE: the answer isn't a chip's number");
    }
    std::ranges::copy(answer.data, number.begin());
    return number;
}

}  // namespace sealkey::token
