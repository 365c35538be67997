#include "sign/pdf_appearance.h"

#include <algorithm>
#include <cstdio>

#include "seal/picture.h"
#include "sign/error.h"

namespace sealkey::sign {

namespace {

using PoDoFo::PdfName;
using PoDoFo::PdfRect;

constexpr double kPointsPerMillimetre = 72.0 / 25.4;
constexpr double kTolerance = 0.01;  // points

std::string millimetres(double points) {
    char text[32];
    std::snprintf(text, sizeof text, "%.0f", points / kPointsPerMillimetre);
    return text;
}

// The part of the page that is shown.
PdfRect shown(const PoDoFo::PdfPage& page) {
    const PdfRect media = page.GetMediaBox();
    const PdfRect crop = page.GetCropBox();
    const double left = std::max(media.GetLeft(), crop.GetLeft());
    const double bottom = std::max(media.GetBottom(), crop.GetBottom());
    const double right = std::min(media.GetLeft() + media.GetWidth(), crop.GetLeft() + crop.GetWidth());
    const double top = std::min(media.GetBottom() + media.GetHeight(), crop.GetBottom() + crop.GetHeight());
    if (right <= left || top <= bottom) return media;
    return {left, bottom, right - left, top - bottom};
}

// One page unit in points, 1 nearly always.
double user_unit(const PoDoFo::PdfPage& page) {
    const PoDoFo::PdfObject* unit = page.GetObject()->GetDictionary().GetKey(PdfName("UserUnit"));
    if (unit == nullptr || !(unit->IsNumber() || unit->IsReal())) return 1;
    const double value = unit->IsReal() ? unit->GetReal() : static_cast<double>(unit->GetNumber());
    return value > 0 ? value : 1;
}

}  // namespace

int rotation_of(const PoDoFo::PdfPage& page) { return ((page.GetRotation() % 360) + 360) % 360 / 90 * 90; }

PdfRect rectangle_on(const PoDoFo::PdfPage& page, const Place& place, const seal::Picture& picture) {
    const PdfRect box = shown(page);
    const int rotation = rotation_of(page);
    const bool sideways = rotation == 90 || rotation == 270;
    const double unit = kPointsPerMillimetre / user_unit(page);
    const double wide = sideways ? box.GetHeight() : box.GetWidth();  // as it is shown
    const double high = sideways ? box.GetWidth() : box.GetHeight();
    const double x = place.x_mm * unit;  // of the seal's upper left corner, from the page's
    const double y = place.y_mm * unit;
    const double w = picture.width_mm * unit;
    const double h = picture.height_mm * unit;
    if (!(x >= 0) || !(y >= 0) || x + w > wide + kTolerance || y + h > high + kTolerance)
        throw SignError(Fault::bad_page, mark("There the seal (%1 x %2 mm) isn't on the page (%3 x %4 mm)."),
                        {std::to_string(picture.width_mm), std::to_string(picture.height_mm),
                         millimetres(wide * user_unit(page)), millimetres(high * user_unit(page))});
    const double left = box.GetLeft();
    const double bottom = box.GetBottom();
    switch (rotation) {  // the page is turned clockwise when it is shown
        case 90:
            return {left + y, bottom + x, h, w};
        case 180:
            return {left + wide - x - w, bottom + y, w, h};
        case 270:
            return {left + high - y - h, bottom + wide - x - w, h, w};
        default:
            return {left + x, bottom + high - y - h, w, h};
    }
}

std::unique_ptr<PoDoFo::PdfXObject> draw_seal(PoDoFo::PdfMemDocument& document, const seal::Picture& picture,
                                              int rotation) {
    const seal::Pixels pixels = seal::decode_png(picture.data);
    const std::size_t count = static_cast<std::size_t>(pixels.width) * pixels.height;
    std::vector<char> colours(count * 3);
    std::vector<char> opacity(count);
    for (std::size_t i = 0; i < count; ++i) {
        std::copy_n(pixels.rgba.begin() + static_cast<std::ptrdiff_t>(4 * i), 3,
                    colours.begin() + static_cast<std::ptrdiff_t>(3 * i));
        opacity[i] = static_cast<char>(pixels.rgba[4 * i + 3]);
    }
    PoDoFo::PdfImage soft_mask(&document);
    soft_mask.SetImageColorSpace(PoDoFo::ePdfColorSpace_DeviceGray);
    PoDoFo::PdfMemoryInputStream mask_stream(opacity.data(), static_cast<PoDoFo::pdf_long>(opacity.size()));
    soft_mask.SetImageData(pixels.width, pixels.height, 8, &mask_stream);
    PoDoFo::PdfImage image(&document);
    image.SetImageColorSpace(PoDoFo::ePdfColorSpace_DeviceRGB);
    PoDoFo::PdfMemoryInputStream colour_stream(colours.data(), static_cast<PoDoFo::pdf_long>(colours.size()));
    image.SetImageData(pixels.width, pixels.height, 8, &colour_stream);
    image.SetImageSoftmask(&soft_mask);

    const double width = picture.width_mm * kPointsPerMillimetre;
    const double height = picture.height_mm * kPointsPerMillimetre;
    auto form = std::make_unique<PoDoFo::PdfXObject>(PdfRect(0, 0, width, height), &document);
    PoDoFo::PdfPainter painter;
    painter.SetPage(form.get());
    painter.DrawImage(0, 0, &image, width / pixels.width, height / pixels.height);
    painter.FinishPage();
    // The viewer turns the page; the form turns back, and is then fitted into the rectangle (ISO 32000 clause 12.5.5).
    const int quarter = rotation / 90;
    constexpr int kCos[] = {1, 0, -1, 0};
    constexpr int kSin[] = {0, 1, 0, -1};
    PoDoFo::PdfArray matrix;
    for (const int value : {kCos[quarter], kSin[quarter], -kSin[quarter], kCos[quarter], 0, 0})
        matrix.push_back(PoDoFo::PdfVariant(static_cast<PoDoFo::pdf_int64>(value)));
    form->GetObject()->GetDictionary().AddKey(PdfName("Matrix"), matrix);
    return form;
}

}  // namespace sealkey::sign
