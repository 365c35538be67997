// vpcd's framing, both ways: a 2-byte big-endian length and that many bytes. From the reader's side a body of one byte
// is a control command, anything else an APDU.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace sealkey::sim {

enum class VpcdControl : std::uint8_t { power_off = 0x00, power_on = 0x01, reset = 0x02, atr = 0x04 };

// The control command that a body is, if it is one.
[[nodiscard]] std::optional<VpcdControl> vpcd_control(Bytes body);

// Cuts a byte stream into bodies. Takes pieces of any size; holds at most one unfinished frame (65537 bytes).
class VpcdFrameReader {
public:
    void feed(Bytes piece);
    // The next whole body, in order of arrival; nothing while it isn't complete. A body may be empty.
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> next();
    // Bytes that wait for the rest of their frame.
    [[nodiscard]] std::size_t pending() const { return buffer_.size() - start_; }

private:
    std::vector<std::uint8_t> buffer_;
    std::size_t start_ = 0;  // bytes before it are used up
};

// A frame around a body of at most 65535 bytes.
[[nodiscard]] std::vector<std::uint8_t> vpcd_frame(Bytes body);

}  // namespace sealkey::sim
