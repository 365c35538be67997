// Stamped PDFs as anybody may send them: SignError, SealError, or signatures that cover the whole file but their own
// text; and none that is still good when a byte that it covers is another.
#include <openssl/cms.h>
#include <openssl/err.h>

#include <cstdlib>

#include "sign/error.h"
#include "sign/pdf_verify.h"

using namespace sealkey;

namespace {

constexpr sign::Time kWhen = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(12);

// Trusts whoever signed, and the maker's issuer if the file carries it, so that the reader goes all the way.
sign::Trust trust_in(const std::vector<sign::PdfSignature>& signatures) {
    sign::Trust trust;
    for (const sign::PdfSignature& signature : signatures) {
        const unsigned char* p = signature.cms.data();
        const seal::Owned<CMS_ContentInfo, CMS_ContentInfo_free> cms(
            d2i_CMS_ContentInfo(nullptr, &p, static_cast<long>(signature.cms.size())));
        STACK_OF(X509)* found = cms ? CMS_get1_certs(cms.get()) : nullptr;
        while (X509* certificate = sk_X509_pop(found)) {
            trust.authorities.emplace_back(certificate);
            trust.seal_authorities.emplace_back(X509_dup(certificate));
        }
        sk_X509_free(found);
    }
    ERR_clear_error();
    return trust;
}

bool is_good(Bytes file, const sign::Trust& trust) {
    try {
        return !sign::verify_pdf(file, trust, kWhen).empty();
    } catch (const sign::SignError&) {
    } catch (const seal::SealError&) {
    }
    return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const Bytes file(data, size);
        const auto signatures = sign::read_pdf_signatures(file);
        for (const sign::PdfSignature& one : signatures) {
            if (one.gap_begin >= one.gap_end || one.gap_end > one.covered_end || one.covered_end > size) std::abort();
            if (2 * one.cms.size() + 2 != one.gap_end - one.gap_begin) std::abort();
        }
        if (signatures.back().covered_end != size) std::abort();
        const sign::Trust trust = trust_in(signatures);
        if (!is_good(file, trust)) return 0;
        if (is_good(file, {})) std::abort();
        sign::ByteVector changed(data, data + size);
        changed[6] ^= 1;  // within "%PDF-1.7", which every signature covers
        if (is_good(changed, trust)) std::abort();
    } catch (const sign::SignError&) {
    }
    return 0;
}
