#include "seal/seal_asn1.h"

#include <openssl/err.h>

#include "seal/error.h"

namespace sealkey::seal {

namespace {

// clang-format off
ASN1_SEQUENCE(SES_HEADER) = {
    ASN1_SIMPLE(SES_HEADER, id, ASN1_IA5STRING),
    ASN1_SIMPLE(SES_HEADER, version, ASN1_INTEGER),
    ASN1_SIMPLE(SES_HEADER, vid, ASN1_IA5STRING),
} static_ASN1_SEQUENCE_END(SES_HEADER)

ASN1_SEQUENCE(SES_PROPERTY) = {
    ASN1_SIMPLE(SES_PROPERTY, type, ASN1_INTEGER),
    ASN1_SIMPLE(SES_PROPERTY, name, ASN1_UTF8STRING),
    ASN1_SIMPLE(SES_PROPERTY, cert_list_type, ASN1_INTEGER),
    ASN1_SEQUENCE_OF(SES_PROPERTY, cert_list, ASN1_ANY),
    ASN1_SIMPLE(SES_PROPERTY, create_date, ASN1_GENERALIZEDTIME),
    ASN1_SIMPLE(SES_PROPERTY, valid_start, ASN1_GENERALIZEDTIME),
    ASN1_SIMPLE(SES_PROPERTY, valid_end, ASN1_GENERALIZEDTIME),
} static_ASN1_SEQUENCE_END(SES_PROPERTY)

ASN1_SEQUENCE(SES_PICTRUE) = {
    ASN1_SIMPLE(SES_PICTRUE, type, ASN1_IA5STRING),
    ASN1_SIMPLE(SES_PICTRUE, data, ASN1_OCTET_STRING),
    ASN1_SIMPLE(SES_PICTRUE, width, ASN1_INTEGER),
    ASN1_SIMPLE(SES_PICTRUE, height, ASN1_INTEGER),
} static_ASN1_SEQUENCE_END(SES_PICTRUE)

ASN1_SEQUENCE(SES_SEAL_INFO) = {
    ASN1_SIMPLE(SES_SEAL_INFO, header, SES_HEADER),
    ASN1_SIMPLE(SES_SEAL_INFO, es_id, ASN1_IA5STRING),
    ASN1_SIMPLE(SES_SEAL_INFO, property, SES_PROPERTY),
    ASN1_SIMPLE(SES_SEAL_INFO, picture, SES_PICTRUE),
    ASN1_SEQUENCE_OF_OPT(SES_SEAL_INFO, ext_datas, ASN1_ANY),
} static_ASN1_SEQUENCE_END(SES_SEAL_INFO)

ASN1_SEQUENCE(SES_SEAL) = {
    ASN1_SIMPLE(SES_SEAL, info, SES_SEAL_INFO),
    ASN1_SIMPLE(SES_SEAL, cert, ASN1_OCTET_STRING),
    ASN1_SIMPLE(SES_SEAL, algorithm, ASN1_OBJECT),
    ASN1_SIMPLE(SES_SEAL, signature, ASN1_BIT_STRING),
} static_ASN1_SEQUENCE_END(SES_SEAL)

ASN1_SEQUENCE(SES_CERT_DIGEST) = {
    ASN1_SIMPLE(SES_CERT_DIGEST, type, ASN1_PRINTABLESTRING),
    ASN1_SIMPLE(SES_CERT_DIGEST, value, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(SES_CERT_DIGEST)
    // clang-format on

    template <class Owner>
    Owner read(Bytes der, const ASN1_ITEM* item) {
    const unsigned char* p = der.data();
    Owner object(
        reinterpret_cast<typename Owner::pointer>(ASN1_item_d2i(nullptr, &p, static_cast<long>(der.size()), item)));
    ERR_clear_error();
    if (!object || p != der.data() + der.size()) return nullptr;
    return object;
}

ByteVector write_item(const void* object, const ASN1_ITEM* item) {
    unsigned char* der = nullptr;
    const int size = ASN1_item_i2d(static_cast<const ASN1_VALUE*>(object), &der, item);
    if (size <= 0) throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"ASN.1"});
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

}  // namespace

const ASN1_ITEM* seal_item() { return ASN1_ITEM_rptr(SES_SEAL); }
const ASN1_ITEM* seal_info_item() { return ASN1_ITEM_rptr(SES_SEAL_INFO); }
const ASN1_ITEM* cert_digest_item() { return ASN1_ITEM_rptr(SES_CERT_DIGEST); }

SealObject read_seal(Bytes der) {
    auto seal = read<SealObject>(der, seal_item());
    if (seal && !equal(write(seal.get()), der)) seal.reset();
    return seal;
}

CertDigestObject read_cert_digest(Bytes der) {
    auto digest = read<CertDigestObject>(der, cert_digest_item());
    if (digest && !equal(write_item(digest.get(), cert_digest_item()), der)) digest.reset();
    return digest;
}

SealObject new_seal() {
    SealObject seal(reinterpret_cast<SES_SEAL*>(ASN1_item_new(seal_item())));
    if (!seal) throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"ASN.1"});
    return seal;
}

ByteVector write(const SES_SEAL* seal) { return write_item(seal, seal_item()); }
ByteVector write(const SES_SEAL_INFO* info) { return write_item(info, seal_info_item()); }

}  // namespace sealkey::seal
