#include "token/error.h"

#include <cstdio>

namespace sealkey::token {

namespace sw = protocol::sw;

Kind kind_of(protocol::StatusWord status_word) {
    struct Row {
        protocol::StatusWord status_word;
        Kind kind;
    };
    static constexpr Row kRows[] = {
        {sw::authentication_blocked, Kind::locked},
        {sw::security_not_satisfied, Kind::not_verified},
        {sw::conditions_not_satisfied, Kind::not_allowed},
        {sw::wrong_data, Kind::bad_data},
        {sw::wrong_p1p2, Kind::bad_data},
        {sw::wrong_length, Kind::bad_data},
        {sw::reference_not_found, Kind::not_found},
        {sw::file_not_found, Kind::not_found},
        {sw::not_enough_memory, Kind::no_space},
        {sw::function_not_supported, Kind::unsupported},
        {sw::ins_not_supported, Kind::unsupported},
        {sw::cla_not_supported, Kind::unsupported},
    };
    for (const auto& row : kRows) {
        if (row.status_word == status_word) return row.kind;
    }
    return Kind::token_failure;
}

void throw_status(const std::string& action, protocol::StatusWord status_word, Kind wrong_secret) {
    char text[32];
    std::snprintf(text, sizeof(text), ": the key answers %04X", status_word);
    if ((status_word & 0xFFF0) == sw::verify_failed) {
        throw TokenError(wrong_secret, action + text, status_word, status_word & 0x0F);
    }
    const Kind kind = kind_of(status_word);
    throw TokenError(kind, action + text, status_word, kind == Kind::locked ? std::optional<int>(0) : std::nullopt);
}

}  // namespace sealkey::token
