// The seal of a key stamped on a page of a PDF: a visible signature field, signed, in an incremental update.
#pragma once

#include "seal/seal.h"
#include "sign/cms.h"

namespace sealkey::sign {

struct StampOptions {
    // Where the seal's upper left corner goes, in millimetres from the left and the top edge of the page as it is
    // shown.
    int page = 1;
    double x_mm = 0;
    double y_mm = 0;
    std::string reason;       // UTF-8; empty: left out
    Timestamper timestamp{};  // empty: none
};

// Everything that can be refused without a PIN: the certificate (require_signing_certificate), the seal (its maker's
// signature, its dates, this certificate in its list, its picture). Throws SignError, SealError.
void require_stampable(const SigningKey& key, const seal::Seal& seal, Time now);

// The stamped document: `pdf` as it was, and the update behind it. The key is asked last; before it, all that
// require_stampable and the document can refuse. What is given back was read and checked again.
// Throws SignError: bad_page, not_a_pdf, encrypted_pdf, locked_pdf, too_large, and the above; what the key throws.
[[nodiscard]] ByteVector stamp_pdf(Bytes pdf, SigningKey& key, const seal::Seal& seal, const StampOptions& options,
                                   Time now);

}  // namespace sealkey::sign
