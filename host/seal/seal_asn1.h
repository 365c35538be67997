// The ASN.1 of GB/T 38540-2020 as OpenSSL templates. Names as in the standard, its misspelling included.
#pragma once

#include <openssl/asn1t.h>

#include "seal/openssl.h"

namespace sealkey::seal {

struct SES_HEADER {
    ASN1_IA5STRING* id;
    ASN1_INTEGER* version;
    ASN1_IA5STRING* vid;
};

struct SES_PROPERTY {
    ASN1_INTEGER* type;
    ASN1_UTF8STRING* name;
    ASN1_INTEGER* cert_list_type;
    STACK_OF(ASN1_TYPE) * cert_list;  // OCTET STRINGs or SEQUENCEs, told apart by cert_list_type
    ASN1_GENERALIZEDTIME* create_date;
    ASN1_GENERALIZEDTIME* valid_start;
    ASN1_GENERALIZEDTIME* valid_end;
};

struct SES_PICTRUE {
    ASN1_IA5STRING* type;
    ASN1_OCTET_STRING* data;
    ASN1_INTEGER* width;
    ASN1_INTEGER* height;
};

struct SES_SEAL_INFO {
    SES_HEADER* header;
    ASN1_IA5STRING* es_id;
    SES_PROPERTY* property;
    SES_PICTRUE* picture;
    STACK_OF(ASN1_TYPE) * ext_datas;
};

struct SES_SEAL {
    SES_SEAL_INFO* info;
    ASN1_OCTET_STRING* cert;
    ASN1_OBJECT* algorithm;
    ASN1_BIT_STRING* signature;
};

struct SES_CERT_DIGEST {
    ASN1_PRINTABLESTRING* type;
    ASN1_OCTET_STRING* value;
};

[[nodiscard]] const ASN1_ITEM* seal_item();
[[nodiscard]] const ASN1_ITEM* seal_info_item();
[[nodiscard]] const ASN1_ITEM* cert_digest_item();

// An object made, read and written by its template.
template <class T, const ASN1_ITEM* (*Item)()>
struct Asn1Free {
    void operator()(T* p) const { ASN1_item_free(reinterpret_cast<ASN1_VALUE*>(p), Item()); }
};
using SealObject = std::unique_ptr<SES_SEAL, Asn1Free<SES_SEAL, seal_item>>;
using CertDigestObject = std::unique_ptr<SES_CERT_DIGEST, Asn1Free<SES_CERT_DIGEST, cert_digest_item>>;

// Empty on failure: not this structure, something after it, or not DER (which writing it again shows).
[[nodiscard]] SealObject read_seal(Bytes der);
[[nodiscard]] CertDigestObject read_cert_digest(Bytes der);
[[nodiscard]] SealObject new_seal();
[[nodiscard]] ByteVector write(const SES_SEAL* seal);
[[nodiscard]] ByteVector write(const SES_SEAL_INFO* info);

}  // namespace sealkey::seal
