// Status words (ISO/IEC 7816-4 clause 5.6; SP 800-73-4 part 2).
#pragma once

#include <cstdint>

namespace sealkey::protocol {

using StatusWord = std::uint16_t;

namespace sw {
inline constexpr StatusWord ok = 0x9000;
inline constexpr StatusWord more_data = 0x6100;              // low byte: bytes left, 00 = 256 or more
inline constexpr StatusWord verify_failed = 0x63C0;          // low nibble: tries left
inline constexpr StatusWord authentication_failed = 0x6300;  // SCP03: cryptogram wrong
inline constexpr StatusWord memory_failure = 0x6581;
inline constexpr StatusWord wrong_length = 0x6700;
inline constexpr StatusWord last_block_expected = 0x6883;
inline constexpr StatusWord chaining_not_supported = 0x6884;
inline constexpr StatusWord logical_channel_not_supported = 0x6881;
inline constexpr StatusWord secure_messaging_not_supported = 0x6882;
inline constexpr StatusWord security_not_satisfied = 0x6982;
inline constexpr StatusWord authentication_blocked = 0x6983;
inline constexpr StatusWord conditions_not_satisfied = 0x6985;
inline constexpr StatusWord secure_messaging_incorrect = 0x6988;
inline constexpr StatusWord wrong_data = 0x6A80;
inline constexpr StatusWord function_not_supported = 0x6A81;
inline constexpr StatusWord file_not_found = 0x6A82;
inline constexpr StatusWord not_enough_memory = 0x6A84;
inline constexpr StatusWord wrong_p1p2 = 0x6A86;
inline constexpr StatusWord reference_not_found = 0x6A88;
inline constexpr StatusWord ins_not_supported = 0x6D00;
inline constexpr StatusWord cla_not_supported = 0x6E00;
inline constexpr StatusWord self_test_failed = 0x6F01;  // error state: nothing else is answered
inline constexpr StatusWord internal_error = 0x6F00;
}  // namespace sw

}  // namespace sealkey::protocol
