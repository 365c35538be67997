#include "cli/common/output.h"

#include <cstdint>
#include <cstdio>

namespace sealkey::cli {

namespace {

constexpr std::size_t kLabelColumn = 22;

// Length of the well-formed UTF-8 character at `i`, 0 if there is none.
std::size_t character_length(const std::string& s, std::size_t i) {
    const auto lead = static_cast<std::uint8_t>(s[i]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xC2 && lead < 0xE0 ? 2
                               : lead >= 0xE0 && lead < 0xF0 ? 3
                               : lead >= 0xF0 && lead < 0xF5 ? 4
                                                             : 0;
    if (length == 0 || i + length > s.size()) return 0;
    for (std::size_t k = 1; k < length; ++k) {
        if ((static_cast<std::uint8_t>(s[i + k]) & 0xC0) != 0x80) return 0;
    }
    return length;
}

}  // namespace

std::size_t display_width(const std::string& text) {
    std::size_t width = 0;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = character_length(text, i);
        // Three-byte characters from U+1100 are, in what this program prints, East Asian wide ones; dashes and quotes
        // (E2 80 ..) are not.
        const bool wide = length >= 3 && static_cast<std::uint8_t>(text[i]) != 0xE2;
        width += wide ? 2 : 1;
        i += length == 0 ? 1 : length;
    }
    return width;
}

std::string printable(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t length = character_length(text, i);
        const auto byte = static_cast<std::uint8_t>(text[i]);
        // C1 controls and the marks that turn text round would let a name forge a line.
        const bool c1 = length == 2 && byte == 0xC2 && static_cast<std::uint8_t>(text[i + 1]) < 0xA0;
        const bool turning =
            length == 3 && byte == 0xE2 &&
            ((static_cast<std::uint8_t>(text[i + 1]) == 0x80 && static_cast<std::uint8_t>(text[i + 2]) >= 0xA8 &&
              static_cast<std::uint8_t>(text[i + 2]) <= 0xAE) ||
             (static_cast<std::uint8_t>(text[i + 1]) == 0x81 && static_cast<std::uint8_t>(text[i + 2]) >= 0xA6 &&
              static_cast<std::uint8_t>(text[i + 2]) <= 0xA9));
        if (length == 0 || byte < 0x20 || byte == 0x7F || c1 || turning) {
            out += '?';
            i += length == 0 ? 1 : length;
            continue;
        }
        out.append(text, i, length);
        i += length;
    }
    return out;
}

void Output::say(const std::string& line) const {
    if (json_mode_) return;
    std::fputs(line.c_str(), stdout);
    std::fputc('\n', stdout);
}

void Output::field(const std::string& label, const std::string& value) const {
    std::string line = label + ":";
    const std::size_t width = display_width(line);
    line.append(width < kLabelColumn ? kLabelColumn - width : 1, ' ');
    say(line + value);
}

void Output::note(const std::string& line) const {
    std::fflush(stdout);
    std::fputs(line.c_str(), stderr);
    std::fputc('\n', stderr);
}

}  // namespace sealkey::cli
