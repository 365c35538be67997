#include "usb/descriptors.h"

#include <algorithm>

namespace sealkey::usb {

std::size_t string_descriptor(std::string_view text, MutableBytes out) {
    const std::size_t characters = std::min(text.size(), (kMaxString - 2) / 2);
    out[0] = static_cast<std::uint8_t>(2 + 2 * characters);
    out[1] = type::string;
    for (std::size_t i = 0; i < characters; ++i) {
        out[2 + 2 * i] = static_cast<std::uint8_t>(text[i]);
        out[3 + 2 * i] = 0;
    }
    return 2 + 2 * characters;
}

std::size_t string_descriptor(std::uint8_t index, std::string_view serial, MutableBytes out) {
    switch (index) {
        case kLanguages:
            std::copy(kLanguageDescriptor.begin(), kLanguageDescriptor.end(), out.begin());
            return kLanguageDescriptor.size();
        case kManufacturer:
            return string_descriptor(kManufacturerText, out);
        case kProduct:
            return string_descriptor(kProductText, out);
        case kSerial:
            return string_descriptor(serial, out);
        default:
            return 0;
    }
}

}  // namespace sealkey::usb
