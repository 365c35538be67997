#include "sign/pdf_file.h"

#include <algorithm>

#include "sign/error.h"

namespace sealkey::sign {

namespace {

constexpr int kMaxDepth = 32;  // of nested fields
constexpr std::size_t kMaxFields = 10000;

using PoDoFo::PdfName;
using PoDoFo::PdfObject;

// Follows a reference; nullptr where it leads nowhere.
PdfObject* resolve(PoDoFo::PdfMemDocument& document, PdfObject* object) {
    if (object == nullptr || !object->IsReference()) return object;
    return document.GetObjects().GetObject(object->GetReference());
}

// A field's own or inherited kind.
void collect(PoDoFo::PdfMemDocument& document, PdfObject* field, bool is_signature, bool signed_only, int depth,
             std::vector<PdfObject*>& out) {
    if (field == nullptr || !field->IsDictionary() || depth > kMaxDepth || out.size() > kMaxFields) return;
    const PdfObject* kind = field->GetDictionary().GetKey(PdfName("FT"));
    if (kind != nullptr && kind->IsName()) is_signature = kind->GetName() == PdfName("Sig");
    if (is_signature && (!signed_only || field->GetDictionary().HasKey(PdfName("V")))) out.push_back(field);
    PdfObject* kids = resolve(document, field->GetDictionary().GetKey(PdfName("Kids")));
    if (kids == nullptr || !kids->IsArray()) return;
    for (auto& kid : kids->GetArray())
        collect(document, resolve(document, &kid), is_signature, signed_only, depth + 1, out);
}

}  // namespace

void refuse_pdf(const PoDoFo::PdfError& error) {
    const char* name = PoDoFo::PdfError::ErrorName(error.GetError());
    throw SignError(Fault::not_a_pdf, mark("The PDF can't be read (%1)."), {name == nullptr ? "?" : name});
}

std::unique_ptr<PoDoFo::PdfMemDocument> load_pdf(Bytes file, bool for_update) {
    PoDoFo::PdfError::EnableDebug(false);
    PoDoFo::PdfError::EnableLogging(false);
    if (file.size() > kMaxPdf) throw SignError(Fault::too_large, mark("The file is too large."));
    constexpr std::string_view mark_of_pdf = "%PDF-";
    if (file.size() < mark_of_pdf.size() || !std::equal(mark_of_pdf.begin(), mark_of_pdf.end(), file.begin()))
        throw SignError(Fault::not_a_pdf, mark("The file isn't a PDF."));
    auto document = std::make_unique<PoDoFo::PdfMemDocument>();
    try {
        document->LoadFromBuffer(reinterpret_cast<const char*>(file.data()), static_cast<long>(file.size()),
                                 for_update);
    } catch (const PoDoFo::PdfError& error) {
        // PoDoFo trips over some kinds of encryption before it asks for a password.
        constexpr std::string_view encrypt = "/Encrypt";
        const bool names_encryption =
            std::search(file.begin(), file.end(), encrypt.begin(), encrypt.end()) != file.end();
        if (error.GetError() == PoDoFo::ePdfError_InvalidPassword || names_encryption)
            throw SignError(Fault::encrypted_pdf, mark("The PDF is protected by a password."));
        refuse_pdf(error);
    }
    if (document->GetEncrypted() || document->GetTrailer()->GetDictionary().HasKey(PdfName("Encrypt")))
        throw SignError(Fault::encrypted_pdf, mark("The PDF is protected by a password."));
    return document;
}

std::vector<PdfObject*> signature_fields(PoDoFo::PdfMemDocument& document, bool signed_only) {
    std::vector<PdfObject*> out;
    PdfObject* form = resolve(document, document.GetCatalog()->GetDictionary().GetKey(PdfName("AcroForm")));
    if (form == nullptr || !form->IsDictionary()) return out;
    PdfObject* fields = resolve(document, form->GetDictionary().GetKey(PdfName("Fields")));
    if (fields == nullptr || !fields->IsArray()) return out;
    for (auto& field : fields->GetArray()) collect(document, resolve(document, &field), false, signed_only, 0, out);
    return out;
}

}  // namespace sealkey::sign
