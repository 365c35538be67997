#include "bench/label_pdf.h"

#include <cairo/cairo-pdf.h>
#include <pango/pangocairo.h>
#include <qrencode.h>

#include <algorithm>
#include <memory>

#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

constexpr double kPointsPerMm = 72.0 / 25.4;
// Millimetres. 8 labels of 37 are a millimetre less than A4.
constexpr double kPageWidth = 210;
constexpr double kPageHeight = 297;
constexpr double kWidth = 70;
constexpr double kHeight = 37;
constexpr int kAcross = 3;
constexpr double kTop = 0.5;
constexpr double kMargin = 4;  // printers and sheets are never quite straight
constexpr double kCodeSize = 25;
constexpr double kGap = 2;
constexpr int kQuietZone = 4;  // modules of white around a QR code (ISO/IEC 18004)
constexpr double kTextWidth = kWidth - 2 * kMargin - kCodeSize - kGap;
constexpr double kSerialHeight = 4.5;
constexpr double kLineHeight = 4;
constexpr double kLargest = 11;  // points
constexpr double kSmallest = 4;
constexpr double kSizeStep = 0.5;
// Debian's fonts for Chinese; where none of them is there, whatever fontconfig has.
constexpr char kFont[] = "WenQuanYi Micro Hei, Noto Sans CJK SC, Droid Sans Fallback, sans-serif";

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* pointer) const {
        Free(pointer);
    }
};
using Surface = std::unique_ptr<cairo_surface_t, Freed<cairo_surface_destroy>>;
using Canvas = std::unique_ptr<cairo_t, Freed<cairo_destroy>>;
using Layout = std::unique_ptr<PangoLayout, Freed<g_object_unref>>;
using FontDescription = std::unique_ptr<PangoFontDescription, Freed<pango_font_description_free>>;
using Code = std::unique_ptr<QRcode, Freed<QRcode_free>>;

cairo_status_t collect(void* closure, const unsigned char* data, unsigned int length) {
    static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), length);
    return CAIRO_STATUS_SUCCESS;
}

Layout layout_of(cairo_t* canvas, const std::string& text, double size, bool bold) {
    const FontDescription font(pango_font_description_from_string(kFont));
    pango_font_description_set_absolute_size(font.get(), size * PANGO_SCALE);
    if (bold) pango_font_description_set_weight(font.get(), PANGO_WEIGHT_BOLD);
    Layout layout(pango_cairo_create_layout(canvas));
    // As on a printer, whatever screen this machine has.
    pango_cairo_context_set_resolution(pango_layout_get_context(layout.get()), 72);
    pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
    pango_layout_set_font_description(layout.get(), font.get());
    pango_layout_set_text(layout.get(), text.c_str(), static_cast<int>(text.size()));
    return layout;
}

// Bytes of the UTF-8 character that begins with this one.
std::size_t length_of(char first) {
    const auto byte = static_cast<unsigned char>(first);
    return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

void require_glyphs(cairo_t* canvas, const std::string& text) {
    if (pango_layout_get_unknown_glyphs_count(layout_of(canvas, text, kLargest, false).get()) == 0) return;
    std::string missing;
    for (std::size_t at = 0; at < text.size(); at += length_of(text[at])) {
        const std::string one = text.substr(at, length_of(text[at]));
        const bool known = pango_layout_get_unknown_glyphs_count(layout_of(canvas, one, kLargest, false).get()) == 0;
        if (!known && missing.find(one) == std::string::npos) missing += one;
    }
    throw CaError(Fault::bad_argument,
                  mark("No font of this machine has %1, which stands in \"%2\". Install one (Debian: "
                       "fonts-wqy-microhei or fonts-noto-cjk)."),
                  {missing, text});
}

struct Box {
    double x, y, width, height;  // millimetres
};

// The largest size, up to `largest`, in which it fits; `wrapped` over several lines.
void draw_text(cairo_t* canvas, const std::string& text, const Box& box, double largest, bool bold, bool wrapped) {
    if (text.empty()) return;
    require_glyphs(canvas, text);
    for (double size = largest; size >= kSmallest; size -= kSizeStep) {
        const Layout layout = layout_of(canvas, text, size, bold);
        if (wrapped) {
            pango_layout_set_width(layout.get(), static_cast<int>(box.width * kPointsPerMm * PANGO_SCALE));
            pango_layout_set_wrap(layout.get(), PANGO_WRAP_WORD_CHAR);
        }
        PangoRectangle logical;
        pango_layout_get_extents(layout.get(), nullptr, &logical);
        const bool fits = logical.width <= box.width * kPointsPerMm * PANGO_SCALE &&
                          logical.height <= box.height * kPointsPerMm * PANGO_SCALE;
        if (!fits) continue;
        cairo_move_to(canvas, box.x * kPointsPerMm, box.y * kPointsPerMm);
        pango_cairo_show_layout(canvas, layout.get());
        return;
    }
    throw CaError(Fault::bad_argument, mark("\"%1\" is too long for a label."), {text});
}

void draw_code(cairo_t* canvas, const std::string& text, double x, double y) {
    const Code code(QRcode_encodeString(text.c_str(), 0, QR_ECLEVEL_M, QR_MODE_8, 1));
    if (!code) throw CaError(Fault::bad_argument, mark("\"%1\" can't be made a QR code."), {text});
    const double module = kCodeSize * kPointsPerMm / (code->width + 2 * kQuietZone);
    for (int row = 0; row < code->width; ++row) {
        for (int column = 0; column < code->width; ++column) {
            if ((code->data[row * code->width + column] & 1) == 0) continue;
            cairo_rectangle(canvas, x * kPointsPerMm + (column + kQuietZone) * module,
                            y * kPointsPerMm + (row + kQuietZone) * module, module, module);
        }
    }
    cairo_fill(canvas);  // at once: no fine white lines between modules
}

void draw_label(cairo_t* canvas, const Label& label, double x, double y) {
    const double left = x + kMargin;
    const double bottom = y + kHeight - kMargin;
    const double lines = kLineHeight * static_cast<double>(label.lines.size());
    const double serial_at = bottom - lines - kSerialHeight;
    draw_text(canvas, label.name, {left, y + kMargin, kTextWidth, serial_at - y - kMargin - 0.5}, kLargest, true, true);
    draw_text(canvas, label.serial, {left, serial_at, kTextWidth, kSerialHeight}, kLargest, true, false);
    double at = bottom - lines;
    for (const LabelLine& line : label.lines) {
        draw_text(canvas, line.caption + "  " + line.text, {left, at, kTextWidth, kLineHeight}, kLargest - 3, false,
                  false);
        at += kLineHeight;
    }
    draw_code(canvas, label.code, x + kWidth - kMargin - kCodeSize, y + (kHeight - kCodeSize) / 2);
}

void require_drawn(cairo_status_t status) {
    if (status != CAIRO_STATUS_SUCCESS)
        throw CaError(Fault::bad_argument, mark("The labels can't be drawn: %1."), {cairo_status_to_string(status)});
}

}  // namespace

std::string draw_labels(const std::vector<Label>& labels, const LabelSheet& sheet) {
    const bool single = sheet.layout == LabelLayout::single;
    std::string pdf;
    const Surface surface(cairo_pdf_surface_create_for_stream(
        collect, &pdf, (single ? kWidth : kPageWidth) * kPointsPerMm, (single ? kHeight : kPageHeight) * kPointsPerMm));
    cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, sheet.created.c_str());
    {
        const Canvas canvas(cairo_create(surface.get()));
        std::size_t place = single ? 0 : static_cast<std::size_t>(sheet.skip);
        const std::size_t on_page = single ? 1 : kLabelsOnSheet;
        bool begun = false;
        for (const Label& label : labels) {
            const auto here = static_cast<int>(place % on_page);
            if (begun && here == 0) cairo_show_page(canvas.get());
            begun = true;
            draw_label(canvas.get(), label, (here % kAcross) * kWidth, single ? 0 : kTop + (here / kAcross) * kHeight);
            ++place;
        }
        cairo_show_page(canvas.get());
        require_drawn(cairo_status(canvas.get()));
    }
    cairo_surface_finish(surface.get());
    require_drawn(cairo_surface_status(surface.get()));
    return pdf;
}

}  // namespace sealkey::bench
