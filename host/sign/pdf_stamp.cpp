#include "sign/pdf_stamp.h"

#include <algorithm>
#include <set>

#include "seal/picture.h"
#include "seal/sm2.h"
#include "sign/error.h"
#include "sign/pdf_appearance.h"
#include "sign/pdf_file.h"
#include "sign/pdf_verify.h"

namespace sealkey::sign {

namespace {

using PoDoFo::PdfName;
using PoDoFo::PdfObject;
using PoDoFo::PdfString;

constexpr std::size_t kRoomForCms = 8 * 1024;  // attributes, algorithms, signature; certificates and seal come on top

PdfString text(const std::string& utf8) { return PdfString(reinterpret_cast<const PoDoFo::pdf_utf8*>(utf8.c_str())); }

std::string name_in(Bytes certificate_der) {
    const seal::Cert certificate = seal::certificate_of_der(certificate_der);
    const X509_NAME* subject = X509_get_subject_name(certificate.get());
    for (const int nid : {NID_organizationName, NID_commonName}) {
        const int at = X509_NAME_get_index_by_NID(subject, nid, -1);
        if (at < 0) continue;
        unsigned char* utf8 = nullptr;
        const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
        if (size < 0) continue;
        std::string out(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
        OPENSSL_free(utf8);
        return out;
    }
    return {};
}

// An author's signature (DocMDP) may forbid every change.
void require_open(PoDoFo::PdfMemDocument& document) {
    const PdfObject* perms = document.GetCatalog()->GetIndirectKey(PdfName("Perms"));
    if (perms == nullptr || !perms->IsDictionary()) return;
    const PdfObject* signature = perms->GetIndirectKey(PdfName("DocMDP"));
    const PdfObject* references =
        signature != nullptr && signature->IsDictionary() ? signature->GetIndirectKey(PdfName("Reference")) : nullptr;
    if (references == nullptr || !references->IsArray()) return;
    for (const auto& entry : references->GetArray()) {
        const PdfObject* reference =
            entry.IsReference() ? document.GetObjects().GetObject(entry.GetReference()) : &entry;
        const PdfObject* parameters = reference != nullptr && reference->IsDictionary()
                                          ? reference->GetIndirectKey(PdfName("TransformParams"))
                                          : nullptr;
        if (parameters == nullptr || !parameters->IsDictionary()) continue;
        if (parameters->GetDictionary().GetKeyAsLong(PdfName("P"), 2) == 1)
            throw SignError(Fault::locked_pdf, mark("The PDF's author has signed it so that nothing may be added."));
    }
}

// A name that no other field has.
std::string new_field_name(PoDoFo::PdfMemDocument& document) {
    std::set<std::string> taken;
    for (const PdfObject* field : signature_fields(document, false)) {
        const PdfObject* name = field->GetDictionary().GetKey(PdfName("T"));
        if (name != nullptr && name->IsString()) taken.insert(name->GetString().GetStringUtf8());
    }
    for (int i = 1;; ++i) {
        std::string name = "Seal" + std::to_string(i);
        if (!taken.contains(name)) return name;
    }
}

PoDoFo::PdfAcroForm* open_form(PoDoFo::PdfMemDocument& document) {
    PoDoFo::PdfAcroForm* form = document.GetAcroForm(true, PoDoFo::ePdfAcroFormDefaultAppearance_None);
    PoDoFo::PdfDictionary& dictionary = form->GetObject()->GetDictionary();
    dictionary.AddKey(PdfName("SigFlags"), PdfObject(static_cast<PoDoFo::pdf_int64>(3)));
    // A viewer that draws appearances anew would change what was signed.
    if (dictionary.HasKey(PdfName("NeedAppearances"))) dictionary.RemoveKey(PdfName("NeedAppearances"));
    return form;
}

void add_field(PoDoFo::PdfMemDocument& document, const PoDoFo::PdfSignOutputDevice& device, const SigningKey& key,
               const seal::Seal& seal, const StampOptions& options, Time now) {
    if (options.page < 1 || options.page > document.GetPageCount())
        throw SignError(Fault::bad_page, mark("There is no page %1; the PDF has %2."),
                        {std::to_string(options.page), std::to_string(document.GetPageCount())});
    PoDoFo::PdfPage* page = document.GetPage(options.page - 1);
    const auto rectangle = rectangle_on(*page, {options.page, options.x_mm, options.y_mm}, seal.info.picture);
    const auto picture = draw_seal(document, seal.info.picture, rotation_of(*page));
    const std::string field_name = new_field_name(document);
    PoDoFo::PdfAcroForm* form = open_form(document);
    PoDoFo::PdfAnnotation* widget = page->CreateAnnotation(PoDoFo::ePdfAnnotation_Widget, rectangle);
    widget->SetFlags(PoDoFo::ePdfAnnotationFlags_Print | PoDoFo::ePdfAnnotationFlags_Locked);
    PoDoFo::PdfSignatureField field(widget, form, &document);
    field.SetFieldName(PdfString(field_name));
    field.SetAppearanceStream(picture.get());
    if (!options.reason.empty()) field.SetSignatureReason(text(options.reason));
    field.SetSignatureDate(PoDoFo::PdfDate(seal::seconds_of(now)));
    field.SetSignature(*device.GetSignatureBeacon());
    PoDoFo::PdfDictionary& signature = field.GetSignatureObject()->GetDictionary();
    signature.AddKey(PdfName("SubFilter"), PdfName("ETSI.CAdES.detached"));
    if (const std::string name = name_in(key.certificate()); !name.empty())
        signature.AddKey(PdfName("Name"), text(name));
}

// The document with the update behind it, and zeros where the signature goes.
ByteVector write_unsigned(Bytes pdf, const SigningKey& key, const seal::Seal& seal, const StampOptions& options,
                          Time now) {
    std::size_t room = kRoomForCms + seal.der.size() + key.certificate().size();
    for (const ByteVector& issuer : key.chain()) room += issuer.size();
    if (options.timestamp) room += kRoomForTimestamp;
    return with_pdf([&] {
        const auto document = load_pdf(pdf, true);
        require_open(*document);
        PoDoFo::PdfRefCountedBuffer buffer;
        PoDoFo::PdfOutputDevice memory(&buffer);
        PoDoFo::PdfSignOutputDevice device(&memory);
        device.SetSignatureSize(room);
        add_field(*document, device, key, seal, options, now);
        document->WriteUpdate(&device, true);
        if (!device.HasSignaturePosition()) throw SignError(Fault::not_a_pdf, mark("The PDF can't be written."));
        (void)device.AdjustByteRange();
        const std::string zeros(room, '\0');
        device.SetSignature(PoDoFo::PdfData(zeros.data(), zeros.size()));
        const std::size_t size = memory.GetLength();
        const auto* begin = reinterpret_cast<const std::uint8_t*>(buffer.GetBuffer());
        return ByteVector(begin, begin + size);
    });
}

}  // namespace

void require_stampable(const SigningKey& key, const seal::Seal& seal, Time now) {
    require_signing_certificate(key, now);
    seal::verify_signature(seal);
    seal::require_valid(seal, now);
    seal::require_listed(seal, key.certificate());
    if (seal.info.picture.type != "PNG")
        throw seal::SealError(seal::Fault::unsupported, mark("The seal's picture is of type %1; PNG is known."),
                              {seal.info.picture.type});
    (void)seal::decode_png(seal.info.picture.data);
}

ByteVector stamp_pdf(Bytes pdf, SigningKey& key, const seal::Seal& seal, const StampOptions& options, Time now) {
    require_stampable(key, seal, now);
    ByteVector out = write_unsigned(pdf, key, seal, options, now);
    if (out.size() <= pdf.size() || !equal(Bytes(out).first(pdf.size()), pdf))
        throw SignError(Fault::not_a_pdf, mark("The PDF can't be added to without changing it."));
    const PdfSignature place = read_pdf_signatures(out).back();
    const ByteVector cms = sign_detached(key, place.signed_pieces(out), {std::nullopt, seal.der, options.timestamp});
    const std::size_t room = (place.gap_end - place.gap_begin - 2) / 2;
    if (cms.size() > room)
        throw SignError(Fault::too_large, mark("The signature is larger than the room left for it."));
    constexpr char digits[] = "0123456789ABCDEF";
    for (std::size_t i = 0; i < room; ++i) {
        const std::uint8_t byte = i < cms.size() ? cms[i] : 0;
        out[place.gap_begin + 1 + 2 * i] = static_cast<std::uint8_t>(digits[byte >> 4]);
        out[place.gap_begin + 2 + 2 * i] = static_cast<std::uint8_t>(digits[byte & 15]);
    }
    const PdfSignature made = read_pdf_signatures(out).back();
    if (!equal(Bytes(made.cms).first(cms.size()), cms))
        throw SignError(Fault::not_a_pdf, mark("The PDF can't be written."));
    return out;
}

}  // namespace sealkey::sign
