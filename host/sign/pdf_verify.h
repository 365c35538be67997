// The signatures of a PDF, those made by stamp_pdf above all.
#pragma once

#include <string>
#include <vector>

#include "seal/seal.h"
#include "sign/cms.h"

namespace sealkey::sign {

// One signature, as it lies in the file. Nothing about it is checked but its shape.
struct PdfSignature {
    std::string field;         // name of the field, UTF-8
    std::string sub_filter;    // "ETSI.CAdES.detached"
    std::optional<Time> time;  // M of the signature dictionary, which the signature covers
    ByteVector cms;
    std::size_t gap_begin = 0;  // where its own hexadecimal text stands, the angle brackets included
    std::size_t gap_end = 0;
    std::size_t covered_end = 0;  // end of the revision that it covers
    [[nodiscard]] Pieces signed_pieces(Bytes file) const;
};

// In the order in which they were made. Each covers a revision from its first byte on, leaving out its own text alone;
// the last one covers the whole file. Throws SignError: not_a_pdf, encrypted_pdf, no_signature, malformed, added_data.
[[nodiscard]] std::vector<PdfSignature> read_pdf_signatures(Bytes file);

struct VerifiedPdfSignature {
    PdfSignature place;
    Verified by;
    std::optional<seal::Seal> seal;  // of a stamp
};

// Every signature: data and signature; the signer's certificate under trust.authorities; with a stamp, that certificate
// in the seal's list, the seal by its maker, the maker's certificate under trust.seal_authorities and in none of
// trust.seal_crls, the seal's own dates at the time of the signature. One that fails fails the file.
// Throws SignError, SealError.
[[nodiscard]] std::vector<VerifiedPdfSignature> verify_pdf(Bytes file, const Trust& trust, Time now);

}  // namespace sealkey::sign
