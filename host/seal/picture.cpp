#include "seal/picture.h"

#include <png.h>

#include "seal/error.h"

namespace sealkey::seal {

Pixels decode_png(Bytes png) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    // png_image frees its own state on failure and at the end of a successful read.
    if (png_image_begin_read_from_memory(&image, png.data(), png.size()) == 0)
        throw SealError(Fault::bad_picture, mark("The seal's picture isn't a PNG that can be read (%1)."),
                        {image.message});
    if (image.width == 0 || image.height == 0 || image.width > kMaxPicturePoints || image.height > kMaxPicturePoints) {
        const std::string size = std::to_string(image.width) + " x " + std::to_string(image.height);
        png_image_free(&image);
        throw SealError(Fault::bad_picture, mark("The seal's picture has %1 points; at most %2 a side are taken."),
                        {size, std::to_string(kMaxPicturePoints)});
    }
    image.format = PNG_FORMAT_RGBA;
    Pixels pixels{image.width, image.height, std::vector<std::uint8_t>(PNG_IMAGE_SIZE(image))};
    const int done = png_image_finish_read(&image, nullptr, pixels.rgba.data(), 0, nullptr);
    const bool warned = image.warning_or_error != 0;
    png_image_free(&image);
    if (done == 0 || warned)
        throw SealError(Fault::bad_picture, mark("The seal's picture isn't a PNG that can be read (%1)."),
                        {image.message});
    return pixels;
}

}  // namespace sealkey::seal
