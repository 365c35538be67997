#include "applet/x509.h"

#include <algorithm>

namespace sealkey::applet {

namespace {

using crypto::Hash;
using crypto::KeyKind;
using crypto::PublicKey;

constexpr std::uint8_t kRsaEncryption[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};
constexpr std::uint8_t kEcPublicKey[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};
constexpr std::uint8_t kP256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
constexpr std::uint8_t kP384[] = {0x2B, 0x81, 0x04, 0x00, 0x22};

struct SignatureAlgorithm {
    Bytes oid;
    Hash hash;
    bool rsa;
};
constexpr std::uint8_t kRsaSha256[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B};
constexpr std::uint8_t kRsaSha384[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0C};
constexpr std::uint8_t kRsaSha512[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0D};
constexpr std::uint8_t kEcdsaSha256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
constexpr std::uint8_t kEcdsaSha384[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03};
constexpr std::uint8_t kEcdsaSha512[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x04};
constexpr SignatureAlgorithm kSignatureAlgorithms[] = {
    {kRsaSha256, Hash::sha256, true},    {kRsaSha384, Hash::sha384, true},    {kRsaSha512, Hash::sha512, true},
    {kEcdsaSha256, Hash::sha256, false}, {kEcdsaSha384, Hash::sha384, false}, {kEcdsaSha512, Hash::sha512, false},
};

constexpr std::size_t kLongestOid = 16;
using OidBuffer = std::array<std::uint8_t, kLongestOid>;

// The next value with this tag, content to the front of `out`.
Result<Bytes> next_content(const DerSource& source, DerCursor& reader, std::uint8_t tag, MutableBytes out) {
    const auto item = reader.next(tag);
    if (!item) return item.error();
    const auto content = der_content(source, *item, out);
    if (!content && content.error() == Error::too_large) return Error::invalid;
    return content;
}

// The content of a BIT STRING without unused bits.
Result<DerItem> bit_string(const DerSource& source, DerCursor& reader) {
    auto item = reader.next(der::bit_string);
    if (!item) return item.error();
    std::uint8_t unused = 0xFF;
    if (item->size() < 2) return Error::invalid;
    if (!source.read(item->begin, {&unused, 1})) return Error::flash_failure;
    if (unused != 0) return Error::invalid;
    ++item->begin;
    return item;
}

// RSAPublicKey: SEQUENCE { modulus, 65537 }, and nothing after it.
Status read_rsa(const DerSource& source, const DerItem& bits, PublicKey& out) {
    DerCursor whole(source, bits);
    const auto list = whole.next(der::sequence);
    if (!list || !whole.at_end()) return Error::invalid;
    DerCursor reader(source, *list);
    const auto modulus = reader.next(der::integer);
    if (!modulus) return modulus.error();
    std::array<std::uint8_t, 4> buffer{};
    const auto exponent = next_content(source, reader, der::integer, buffer);
    if (!exponent) return exponent.error();
    if (!reader.at_end() || !equal(*exponent, crypto::kRsaExponent)) return Error::invalid;
    // A modulus has its highest bit set, so there is one zero before it.
    if (modulus->size() < 2 || !crypto::is_rsa_size((modulus->size() - 1) * 8)) return Error::invalid;
    out.kind = KeyKind::rsa;
    out.size = modulus->size() - 1;
    std::uint8_t zero = 0xFF;
    if (!source.read(modulus->begin, {&zero, 1})) return Error::flash_failure;
    if (!source.read(modulus->begin + 1, MutableBytes(out.value).first(out.size))) return Error::flash_failure;
    return zero == 0 && out.value[0] >= 0x80 ? Status{} : Status{Error::invalid};
}

Status read_point(const DerSource& source, const DerItem& bits, KeyKind kind, PublicKey& out) {
    const crypto::Curve curve = kind == KeyKind::p256 ? crypto::Curve::p256 : crypto::Curve::p384;
    if (bits.size() != crypto::ec_point_size(curve)) return Error::invalid;
    out.kind = kind;
    out.size = bits.size();
    if (!source.read(bits.begin, MutableBytes(out.value).first(out.size))) return Error::flash_failure;
    return out.value[0] == 0x04 ? Status{} : Status{Error::invalid};
}

// SEQUENCE { OID, parameters }: NULL for RSA, nothing for ECDSA.
Result<const SignatureAlgorithm*> read_signature_algorithm(const DerSource& source, DerCursor& outer) {
    const auto list = outer.next(der::sequence);
    if (!list) return list.error();
    DerCursor reader(source, *list);
    OidBuffer buffer{};
    const auto oid = next_content(source, reader, der::object_identifier, buffer);
    if (!oid) return oid.error();
    for (const SignatureAlgorithm& row : kSignatureAlgorithms) {
        if (!equal(row.oid, *oid)) continue;
        if (row.rsa) {
            const auto parameters = reader.next(der::null);
            if (!parameters || parameters->size() != 0) return Error::invalid;
        }
        return reader.at_end() ? Result<const SignatureAlgorithm*>(&row) : Error::invalid;
    }
    return Error::invalid;
}

// A list of values that all have this tag.
Status all_are(const DerSource& source, const DerItem& list, std::uint8_t tag) {
    DerCursor reader(source, list);
    while (!reader.at_end()) {
        if (const auto item = reader.next(tag); !item) return item.error();
    }
    return {};
}

// The small number of a version.
Status read_version(const DerSource& source, DerCursor& reader, std::uint8_t expected) {
    std::array<std::uint8_t, 1> buffer{};
    const auto version = next_content(source, reader, der::integer, buffer);
    if (!version) return version.error();
    return version->size() == 1 && (*version)[0] == expected ? Status{} : Status{Error::invalid};
}

// What may follow the public key in a version 3 TBSCertificate: unique identifiers, extensions, in this order.
Status read_rest_of_certificate(DerCursor& reader) {
    constexpr std::uint8_t tags[] = {0x81, 0x82, der::context(3)};
    for (const std::uint8_t tag : tags) {
        if (!reader.sees(tag)) continue;
        if (const auto item = reader.next(tag); !item) return item.error();
    }
    return reader.at_end() ? Status{} : Status{Error::invalid};
}

Status read_signed_part(const DerSource& source, Certificate& out, const SignatureAlgorithm*& algorithm) {
    DerCursor reader(source, out.signed_part);
    const auto version = reader.next(der::context(0));
    if (!version) return version.error();
    DerCursor number(source, *version);
    if (Status s = read_version(source, number, 2); !s || !number.at_end()) return Error::invalid;
    if (const auto serial = reader.next(der::integer); !serial) return serial.error();
    const auto inner = read_signature_algorithm(source, reader);
    if (!inner) return inner.error();
    algorithm = *inner;
    for (int i = 0; i < 3; ++i) {  // issuer, validity, subject
        if (const auto item = reader.next(der::sequence); !item) return item.error();
    }
    const auto key = reader.next(der::sequence);
    if (!key) return key.error();
    out.public_key = *key;
    return read_rest_of_certificate(reader);
}

}  // namespace

Status read_public_key_info(const DerSource& source, const DerItem& info, PublicKey& out) {
    DerCursor reader(source, info);
    const auto algorithm = reader.next(der::sequence);
    if (!algorithm) return algorithm.error();
    const auto bits = bit_string(source, reader);
    if (!bits) return bits.error();
    if (!reader.at_end()) return Error::invalid;

    DerCursor inner(source, *algorithm);
    OidBuffer buffer{};
    const auto oid = next_content(source, inner, der::object_identifier, buffer);
    if (!oid) return oid.error();
    if (equal(*oid, kRsaEncryption)) {
        const auto parameters = inner.next(der::null);
        if (!parameters || parameters->size() != 0 || !inner.at_end()) return Error::invalid;
        return read_rsa(source, *bits, out);
    }
    if (!equal(*oid, kEcPublicKey)) return Error::invalid;
    const auto curve = next_content(source, inner, der::object_identifier, buffer);
    if (!curve) return curve.error();
    if (!inner.at_end()) return Error::invalid;
    if (equal(*curve, kP256)) return read_point(source, *bits, KeyKind::p256, out);
    if (equal(*curve, kP384)) return read_point(source, *bits, KeyKind::p384, out);
    return Error::invalid;
}

Status read_request_info(Bytes info, PublicKey& out) {
    const DerMemory source(info);
    DerCursor whole(source, 0, static_cast<std::uint32_t>(info.size()));
    const auto list = whole.next(der::sequence);
    if (!list || !whole.at_end()) return Error::invalid;
    DerCursor reader(source, *list);
    if (Status s = read_version(source, reader, 0); !s) return s;
    const auto subject = reader.next(der::sequence);
    if (!subject || !all_are(source, *subject, der::set)) return Error::invalid;
    const auto key = reader.next(der::sequence);
    if (!key) return key.error();
    if (Status s = read_public_key_info(source, *key, out); !s) return s;
    const auto attributes = reader.next(der::context(0));
    if (!attributes || !reader.at_end()) return Error::invalid;
    return all_are(source, *attributes, der::sequence);
}

Result<Certificate> read_certificate(const DerSource& source, std::uint32_t begin, std::uint32_t end) {
    DerCursor whole(source, begin, end);
    const auto list = whole.next(der::sequence);
    if (!list) return list.error();
    if (!whole.at_end()) return Error::invalid;
    DerCursor reader(source, *list);
    const auto signed_part = reader.next(der::sequence);
    if (!signed_part) return signed_part.error();
    Certificate out;
    out.signed_part = *signed_part;
    const auto outer = read_signature_algorithm(source, reader);
    if (!outer) return outer.error();
    const auto signature = bit_string(source, reader);
    if (!signature) return signature.error();
    if (!reader.at_end()) return Error::invalid;
    out.signature = *signature;
    const SignatureAlgorithm* inner = nullptr;
    if (Status s = read_signed_part(source, out, inner); !s) return s.error();
    if (inner != *outer) return Error::invalid;
    out.hash = inner->hash;
    out.by_rsa = inner->rsa;
    return out;
}

Status verify_certificate(const DerSource& source, const Certificate& certificate, const PublicKey& issuer) {
    if (certificate.by_rsa != (issuer.kind == KeyKind::rsa)) return Error::wrong_secret;
    crypto::HashStream hash(certificate.hash);
    std::array<std::uint8_t, 128> piece{};
    for (std::uint32_t at = certificate.signed_part.start; at < certificate.signed_part.end;) {
        const std::size_t n = std::min<std::size_t>(piece.size(), certificate.signed_part.end - at);
        if (!source.read(at, MutableBytes(piece).first(n))) return Error::flash_failure;
        hash.update(Bytes(piece).first(n));
        at += static_cast<std::uint32_t>(n);
    }
    std::array<std::uint8_t, crypto::kMaxHashSize> digest{};
    const std::size_t digest_size = hash.finish(digest);
    std::array<std::uint8_t, crypto::kMaxRsaModulus> buffer{};
    const auto signature = der_content(source, certificate.signature, buffer);
    if (!signature) return signature.error() == Error::too_large ? Error::invalid : signature.error();
    return verify_signature(issuer, certificate.hash, Bytes(digest).first(digest_size), *signature);
}

}  // namespace sealkey::applet
