// Labels drawn as a PDF: text by Pango with fonts that fontconfig finds, embedded by Cairo, and a QR code.
#pragma once

#include <string>
#include <vector>

namespace sealkey::bench {

struct LabelLine {
    std::string caption;  // "Valid until"
    std::string text;
};

struct Label {
    std::string name;    // of the enterprise: large, wrapped, made smaller until it fits
    std::string serial;  // large, on one line
    std::vector<LabelLine> lines;
    std::string code;  // what the QR code holds
};

enum class LabelLayout {
    sheet,   // A4, 3 across and 8 down, each 70 x 37 mm
    single,  // each on a page of its own, 70 x 37 mm
};

struct LabelSheet {
    LabelLayout layout = LabelLayout::sheet;
    int skip = 0;         // places of the first sheet that are used up
    std::string created;  // "2026-11-21T12:00:00Z", the document's date: the same labels are the same bytes
};
inline constexpr int kLabelsOnSheet = 24;

// Throws CaError bad_argument where no font has a character, or a text doesn't fit in any size that can be read.
[[nodiscard]] std::string draw_labels(const std::vector<Label>& labels, const LabelSheet& sheet);

}  // namespace sealkey::bench
