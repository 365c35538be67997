// The enterprise record (object 5FFF41): who the key was made for. A list of TLV, read freely, written by the CA.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sealkey::token {

namespace record_tag {
inline constexpr std::uint32_t version = 0x80;          // 01
inline constexpr std::uint32_t unified_code = 0x81;     // unified social credit code, 18 ASCII
inline constexpr std::uint32_t old_code = 0x82;         // old enterprise code, 13 ASCII; absent if there is none
inline constexpr std::uint32_t login_name = 0x83;       // ASCII
inline constexpr std::uint32_t enterprise_name = 0x84;  // UTF-8
inline constexpr std::uint32_t key_number = 0x85;       // n(1), of at most(1): this is key n of 3
inline constexpr std::uint32_t issued_on = 0x86;        // YYYYMMDD, 8 ASCII
inline constexpr std::uint32_t valid_until = 0x87;      // YYYYMMDD, 8 ASCII
inline constexpr std::uint32_t english_name = 0x88;     // UTF-8; absent if there is none
inline constexpr std::uint32_t authorised_user = 0x89;  // UTF-8; who holds the key; absent if not said
}  // namespace record_tag

struct EnterpriseRecord {
    std::string unified_code;
    std::optional<std::string> old_code;
    std::string login_name;
    std::string enterprise_name;
    int key_number = 1;
    int key_limit = 3;
    std::string issued_on;    // YYYY-MM-DD
    std::string valid_until;  // YYYY-MM-DD
    std::optional<std::string> english_name;
    std::optional<std::string> authorised_user;

    bool operator==(const EnterpriseRecord&) const = default;
};

// Well-formed UTF-8 without control characters: what a name in the record must be.
[[nodiscard]] bool is_clean_utf8(const std::string& text);

// Throws TokenError bad_argument naming the field that breaks its rule (length, characters, date, longer than an object
// may be). The check characters of the codes are the CA's matter.
[[nodiscard]] std::vector<std::uint8_t> encode_record(const EnterpriseRecord& record);
// Throws TokenError malformed_answer. Tags not known here are passed over.
[[nodiscard]] EnterpriseRecord decode_record(Bytes data);

}  // namespace sealkey::token
