// How the seal looks on the page: where it goes, and the form that draws it.
#pragma once

#include <podofo/podofo.h>

#include "seal/seal.h"

namespace sealkey::sign {

// Where the seal's upper left corner goes, in millimetres from the left and the top edge of the page as it is shown.
struct Place {
    int page = 1;
    double x_mm = 0;
    double y_mm = 0;
};

// The annotation's rectangle in the page's own space. Throws SignError bad_page if it doesn't lie on the page.
[[nodiscard]] PoDoFo::PdfRect rectangle_on(const PoDoFo::PdfPage& page, const Place& place,
                                           const seal::Picture& picture);

// A form XObject that shows the picture upright on a page turned by `rotation` degrees.
[[nodiscard]] std::unique_ptr<PoDoFo::PdfXObject> draw_seal(PoDoFo::PdfMemDocument& document,
                                                            const seal::Picture& picture, int rotation);

// 0, 90, 180 or 270.
[[nodiscard]] int rotation_of(const PoDoFo::PdfPage& page);

}  // namespace sealkey::sign
