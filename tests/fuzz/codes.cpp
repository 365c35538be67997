// Codes as people type them: only CodeError comes out, and what is taken is fifteen digits that print and read back.
#include "token/codes.h"

#include <cstdlib>
#include <string>

using namespace sealkey;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        const token::CodeDigits digits = token::parse_code(text);
        if (digits.size() != protocol::kCodeDigits) std::abort();
        for (std::uint8_t digit : digits.bytes()) {
            if (digit < '0' || digit > '9') std::abort();
        }
        const std::string printed = token::format_code(digits.bytes());
        const token::CodeDigits again = token::parse_code(printed);
        if (!equal(again.bytes(), digits.bytes())) std::abort();
        // One digit off never passes the check digit.
        for (std::size_t i = 0; i < printed.size(); ++i) {
            if (printed[i] == '-') continue;
            std::string slip = printed;
            slip[i] = slip[i] == '9' ? '0' : static_cast<char>(slip[i] + 1);
            try {
                const token::CodeDigits passed = token::parse_code(slip);
                std::abort();
            } catch (const token::CodeError&) {
            }
        }
    } catch (const token::CodeError&) {
    }
    try {
        const token::RequestCode request = token::parse_request_code(text);
        if (request.counter_mod_1000 > 999 || request.salt >= protocol::kSaltLimit) std::abort();
        const token::RequestCode again =
            token::parse_request_code(token::format_request_code(request.counter_mod_1000, request.salt));
        if (again.counter_mod_1000 != request.counter_mod_1000 || again.salt != request.salt) std::abort();
    } catch (const token::CodeError&) {
    }
    return 0;
}
