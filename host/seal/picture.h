// The picture of a seal: checked when a seal is made, decoded when it is put on a page.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace sealkey::seal {

// Points along one side, at most: a seal is some 40 mm wide, so this is more than 1000 points per inch.
inline constexpr std::uint32_t kMaxPicturePoints = 2048;

struct Pixels {
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::vector<std::uint8_t> rgba;  // width * height * 4, rows from the top, alpha not multiplied in
};

// Decodes the whole picture. Throws SealError bad_picture: not a PNG, damaged, empty or too many points.
[[nodiscard]] Pixels decode_png(Bytes png);

}  // namespace sealkey::seal
