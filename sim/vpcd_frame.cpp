#include "vpcd_frame.h"

#include <stdexcept>

namespace sealkey::sim {

namespace {
constexpr std::size_t kHeader = 2;
}

std::optional<VpcdControl> vpcd_control(Bytes body) {
    if (body.size() != 1) return std::nullopt;
    switch (static_cast<VpcdControl>(body[0])) {
        case VpcdControl::power_off:
        case VpcdControl::power_on:
        case VpcdControl::reset:
        case VpcdControl::atr:
            return static_cast<VpcdControl>(body[0]);
    }
    return std::nullopt;
}

void VpcdFrameReader::feed(Bytes piece) {
    if (start_ > 0) {
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
        start_ = 0;
    }
    buffer_.insert(buffer_.end(), piece.begin(), piece.end());
}

std::optional<std::vector<std::uint8_t>> VpcdFrameReader::next() {
    if (pending() < kHeader) return std::nullopt;
    const std::size_t length = load_be16(buffer_.data() + start_);
    if (pending() < kHeader + length) return std::nullopt;
    const auto body = buffer_.begin() + static_cast<std::ptrdiff_t>(start_ + kHeader);
    start_ += kHeader + length;
    return std::vector<std::uint8_t>(body, body + static_cast<std::ptrdiff_t>(length));
}

std::vector<std::uint8_t> vpcd_frame(Bytes body) {
    if (body.size() > 0xFFFF) throw std::length_error("a vpcd frame carries at most 65535 bytes");
    std::vector<std::uint8_t> frame(kHeader + body.size());
    store_be16(frame.data(), static_cast<std::uint16_t>(body.size()));
    std::copy(body.begin(), body.end(), frame.begin() + kHeader);
    return frame;
}

}  // namespace sealkey::sim
