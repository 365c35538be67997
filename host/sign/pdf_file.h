// A PDF as it is read for stamping and checking. PoDoFo stays behind this and the files beside it.
#pragma once

#include <podofo/podofo.h>

#include <memory>
#include <vector>

#include "seal/openssl.h"

namespace sealkey::sign {

using seal::ByteVector;

inline constexpr std::size_t kMaxPdf = 256 * 1024 * 1024;

// Reads a whole PDF. Throws SignError: not_a_pdf, encrypted_pdf, too_large.
[[nodiscard]] std::unique_ptr<PoDoFo::PdfMemDocument> load_pdf(Bytes file, bool for_update);

// The widgets and fields of kind Sig that hold a signature, in the document's order.
[[nodiscard]] std::vector<PoDoFo::PdfObject*> signature_fields(PoDoFo::PdfMemDocument& document, bool signed_only);

// Runs work with PoDoFo, whose errors become SignError not_a_pdf.
template <class Work>
auto with_pdf(Work work);

[[noreturn]] void refuse_pdf(const PoDoFo::PdfError& error);

template <class Work>
auto with_pdf(Work work) {
    try {
        return work();
    } catch (const PoDoFo::PdfError& error) {
        refuse_pdf(error);
    }
}

}  // namespace sealkey::sign
