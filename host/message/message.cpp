#include "message/message.h"

namespace sealkey::message {

std::string filled(const std::string& text, std::span<const std::string> arguments) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool place = text[i] == '%' && i + 1 < text.size() && text[i + 1] >= '1' && text[i + 1] <= '9';
        const std::size_t which = place ? static_cast<std::size_t>(text[i + 1] - '1') : arguments.size();
        if (which < arguments.size()) {
            out += arguments[which];
            ++i;
        } else {
            out += text[i];
        }
    }
    return out;
}

}  // namespace sealkey::message
