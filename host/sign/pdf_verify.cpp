#include "sign/pdf_verify.h"

#include <algorithm>

#include "sign/error.h"
#include "sign/pdf_file.h"

namespace sealkey::sign {

namespace {

using PoDoFo::PdfName;
using PoDoFo::PdfObject;

constexpr std::size_t kMaxSignatures = 64;

[[noreturn]] void malformed(const std::string& field) {
    throw SignError(Fault::malformed, mark("The signature in field %1 isn't formed as it must be."), {field});
}

// A direct or indirect entry of a dictionary.
const PdfObject* entry(const PdfObject& object, const char* key) { return object.GetIndirectKey(PdfName(key)); }

std::string string_in(const PdfObject& object, const char* key) {
    const PdfObject* value = entry(object, key);
    if (value == nullptr) return {};
    if (value->IsString()) return value->GetString().GetStringUtf8();
    if (value->IsName()) return value->GetName().GetName();
    return {};
}

int hex_digit(std::uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

// ByteRange must be [0 a b c]: from the first byte up to a gap, and from its end on.
void read_range(const PdfObject& signature, Bytes file, PdfSignature& out) {
    const PdfObject* range = entry(signature, "ByteRange");
    if (range == nullptr || !range->IsArray() || range->GetArray().GetSize() != 4) malformed(out.field);
    std::size_t numbers[4];
    for (std::size_t i = 0; i < 4; ++i) {
        const PdfObject& value = range->GetArray()[i];
        if (!value.IsNumber() || value.GetNumber() < 0 || static_cast<std::size_t>(value.GetNumber()) > file.size())
            malformed(out.field);
        numbers[i] = static_cast<std::size_t>(value.GetNumber());
    }
    if (numbers[0] != 0 || numbers[1] >= numbers[2] || numbers[3] > file.size() - numbers[2]) malformed(out.field);
    out.gap_begin = numbers[1];
    out.gap_end = numbers[2];
    out.covered_end = numbers[2] + numbers[3];
}

// The gap holds the signature's hexadecimal text between its brackets and nothing else, so nothing can hide in it.
void read_contents(Bytes file, PdfSignature& out) {
    const Bytes gap = file.subspan(out.gap_begin, out.gap_end - out.gap_begin);
    if (gap.size() < 4 || gap.size() % 2 != 0 || gap.front() != '<' || gap.back() != '>') malformed(out.field);
    for (std::size_t i = 1; i + 1 < gap.size(); i += 2) {
        const int high = hex_digit(gap[i]);
        const int low = hex_digit(gap[i + 1]);
        if (high < 0 || low < 0) malformed(out.field);
        out.cms.push_back(static_cast<std::uint8_t>(high * 16 + low));
    }
}

PdfSignature read_signature(const PdfObject& field, Bytes file) {
    PdfSignature out;
    out.field = string_in(field, "T");
    const PdfObject* signature = entry(field, "V");
    if (signature == nullptr || !signature->IsDictionary()) malformed(out.field);
    out.sub_filter = string_in(*signature, "SubFilter");
    if (out.sub_filter != "ETSI.CAdES.detached" && out.sub_filter != "adbe.pkcs7.detached") malformed(out.field);
    const PdfObject* date = entry(*signature, "M");
    if (date != nullptr && date->IsString()) {
        const PoDoFo::PdfDate time(date->GetString());
        if (time.IsValid()) out.time = Time(std::chrono::seconds(time.GetTime()));
    }
    read_range(*signature, file, out);
    read_contents(file, out);
    // What PoDoFo reads there is what stands in the gap: not another object's text.
    const PdfObject* contents = entry(*signature, "Contents");
    if (contents == nullptr || !(contents->IsString() || contents->IsHexString())) malformed(out.field);
    const PoDoFo::PdfString& read = contents->GetString();
    const auto* begin = reinterpret_cast<const std::uint8_t*>(read.GetString());
    if (!equal(Bytes(begin, static_cast<std::size_t>(read.GetLength())), out.cms)) malformed(out.field);
    return out;
}

std::vector<PdfSignature> read_all(Bytes file) {
    std::vector<PdfSignature> out;
    with_pdf([&] {
        const auto document = load_pdf(file, false);
        for (const PdfObject* field : signature_fields(*document, true)) out.push_back(read_signature(*field, file));
    });
    std::sort(out.begin(), out.end(),
              [](const PdfSignature& a, const PdfSignature& b) { return a.covered_end < b.covered_end; });
    return out;
}

// A later revision may say something else about an earlier signature, its time for one: what counts is what stands in
// the revision that it covers.
PdfSignature as_it_was_made(const PdfSignature& later, Bytes file) {
    for (PdfSignature& signature : read_all(file.first(later.covered_end))) {
        if (signature.gap_begin == later.gap_begin && signature.covered_end == later.covered_end) return signature;
    }
    malformed(later.field);
}

}  // namespace

Pieces PdfSignature::signed_pieces(Bytes file) const {
    return {file.first(gap_begin), file.subspan(gap_end, covered_end - gap_end)};
}

std::vector<PdfSignature> read_pdf_signatures(Bytes file) {
    std::vector<PdfSignature> out = read_all(file);
    if (out.empty()) throw SignError(Fault::no_signature, mark("The PDF bears no signature."));
    if (out.size() > kMaxSignatures) throw SignError(Fault::too_large, mark("The PDF bears too many signatures."));
    if (out.back().covered_end != file.size())
        throw SignError(Fault::added_data, mark("Something was added to the PDF after its last signature."));
    for (std::size_t i = 0; i + 1 < out.size(); ++i) out[i] = as_it_was_made(out[i], file);
    return out;
}

std::vector<VerifiedPdfSignature> verify_pdf(Bytes file, const Trust& trust, Time now) {
    std::vector<VerifiedPdfSignature> out;
    for (const PdfSignature& place : read_pdf_signatures(file)) {
        VerifiedPdfSignature one{
            place, verify_detached(place.cms, place.signed_pieces(file), trust, now, place.time), {}};
        if (one.by.seal) {
            one.seal = seal::parse_seal(*one.by.seal);
            seal::require_listed(*one.seal, one.by.certificate);
            seal::verify_seal(*one.seal, trust.seal_authorities, one.by.signed_at);
            if (!trust.seal_crls.empty()) {
                const auto stamped = one.by.timestamp ? std::optional<Time>(one.by.timestamp->time) : std::nullopt;
                seal::require_maker_in_use(*one.seal, trust.seal_authorities, trust.seal_crls, now, stamped);
            }
            seal::require_valid(*one.seal, one.by.signed_at);
        }
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace sealkey::sign
