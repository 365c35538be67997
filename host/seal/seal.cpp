#include "seal/seal.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>

#include "seal/picture.h"
#include "seal/seal_asn1.h"
#include "seal/sm2.h"

namespace sealkey::seal {

namespace {

constexpr std::size_t kMaxText = 256;
constexpr std::array<const char*, 5> kPictureTypes = {"PNG", "GIF", "BMP", "JPG", "SVG"};

[[noreturn]] void malformed(const char* field) {
    throw SealError(Fault::malformed, mark("The seal is damaged or no seal: %1."), {field});
}

bool is_ascii(const std::string& text) {
    return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7F; });
}

// UTF-8 without control characters; OpenSSL's own decoder judges each character.
bool is_utf8(const std::string& text) {
    const auto* p = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t left = text.size();
    while (left > 0) {
        unsigned long value = 0;
        const int used = UTF8_getc(p, static_cast<int>(left), &value);
        if (used <= 0 || value < 0x20 || (value >= 0x7F && value < 0xA0)) return false;
        p += used;
        left -= static_cast<std::size_t>(used);
    }
    return true;
}

// ---- from the templates ----

std::string text_of(const ASN1_STRING* string) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
            static_cast<std::size_t>(ASN1_STRING_length(string))};
}

ByteVector bytes_in(const ASN1_STRING* string) {
    const unsigned char* p = ASN1_STRING_get0_data(string);
    return {p, p + ASN1_STRING_length(string)};
}

std::string ascii_of(const ASN1_IA5STRING* string, const char* field) {
    std::string text = text_of(string);
    if (text.size() > kMaxText || !is_ascii(text)) malformed(field);
    return text;
}

int number_of(const ASN1_INTEGER* integer, const char* field) {
    std::int64_t value = 0;
    const bool fits = ASN1_INTEGER_get_int64(&value, integer) == 1;
    ERR_clear_error();
    if (!fits || value < 0 || value > std::numeric_limits<int>::max()) malformed(field);
    return static_cast<int>(value);
}

// DER's form alone: YYYYMMDDHHMMSSZ.
Time time_of(const ASN1_GENERALIZEDTIME* time, const char* field) {
    const std::string text = text_of(time);
    if (text.size() != 15 || text.back() != 'Z' ||
        !std::all_of(text.begin(), text.end() - 1, [](char c) { return c >= '0' && c <= '9'; }))
        malformed(field);
    const auto digits = [&](std::size_t from, std::size_t count) {
        int value = 0;
        for (std::size_t i = from; i < from + count; ++i) value = value * 10 + (text[i] - '0');
        return value;
    };
    const std::chrono::year_month_day day{std::chrono::year(digits(0, 4)),
                                          std::chrono::month(static_cast<unsigned>(digits(4, 2))),
                                          std::chrono::day(static_cast<unsigned>(digits(6, 2)))};
    const int hour = digits(8, 2);
    const int minute = digits(10, 2);
    const int second = digits(12, 2);
    if (!day.ok() || hour > 23 || minute > 59 || second > 59) malformed(field);
    return std::chrono::sys_days(day) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
           std::chrono::seconds(second);
}

std::string generalized_time(Time time) {
    std::string text = iso_time(time);
    std::erase_if(text, [](char c) { return c == '-' || c == ':' || c == 'T'; });
    return text;
}

void read_list(const SES_PROPERTY& property, SealInfo& info) {
    const int kind = number_of(property.cert_list_type, "certListType");
    const int count = sk_ASN1_TYPE_num(property.cert_list);
    if (count < 1 || count > static_cast<int>(kMaxListed)) malformed("certList");
    if (kind != 1 && kind != 2)
        throw SealError(Fault::unsupported, mark("The seal's list of certificates is of kind %1, which isn't known."),
                        {std::to_string(kind)});
    for (int i = 0; i < count; ++i) {
        const ASN1_TYPE* entry = sk_ASN1_TYPE_value(property.cert_list, i);
        if (kind == 1) {
            if (entry->type != V_ASN1_OCTET_STRING) malformed("certList");
            info.certificates.push_back(bytes_in(entry->value.octet_string));
            (void)certificate_of_der(info.certificates.back());
        } else {
            if (entry->type != V_ASN1_SEQUENCE) malformed("certList");
            const auto digest = read_cert_digest(bytes_in(entry->value.sequence));
            if (!digest || ASN1_STRING_length(digest->value) != 32) malformed("certDigestList");
            info.digests.push_back(bytes_in(digest->value));
        }
    }
}

void read_extensions(const STACK_OF(ASN1_TYPE) * list) {
    // ExtData is SEQUENCE { OBJECT IDENTIFIER, BOOLEAN DEFAULT FALSE, OCTET STRING }. None is known here, so a critical
    // one is refused. A widespread writer spells FALSE out, against DER; that is let pass.
    for (int i = 0; i < sk_ASN1_TYPE_num(list); ++i) {
        const ASN1_TYPE* entry = sk_ASN1_TYPE_value(list, i);
        if (entry->type != V_ASN1_SEQUENCE) malformed("extDatas");
        const unsigned char* p = ASN1_STRING_get0_data(entry->value.sequence);
        STACK_OF(ASN1_TYPE)* parts = d2i_ASN1_SEQUENCE_ANY(nullptr, &p, ASN1_STRING_length(entry->value.sequence));
        ERR_clear_error();
        const int count = parts == nullptr ? 0 : sk_ASN1_TYPE_num(parts);
        const bool fits = (count == 2 || count == 3) && sk_ASN1_TYPE_value(parts, 0)->type == V_ASN1_OBJECT &&
                          (count == 2 || sk_ASN1_TYPE_value(parts, 1)->type == V_ASN1_BOOLEAN) &&
                          sk_ASN1_TYPE_value(parts, count - 1)->type == V_ASN1_OCTET_STRING;
        const bool critical = fits && count == 3 && sk_ASN1_TYPE_value(parts, 1)->value.boolean != 0;
        sk_ASN1_TYPE_pop_free(parts, ASN1_TYPE_free);
        if (!fits) malformed("extDatas");
        if (critical)
            throw SealError(Fault::unsupported, mark("The seal holds a critical extension that isn't known."));
    }
}

SealInfo read_info(const SES_SEAL_INFO& from) {
    if (text_of(from.header->id) != "ES") malformed("header");
    if (const int version = number_of(from.header->version, "version"); version != 4)
        throw SealError(Fault::unsupported, mark("The seal is of version %1; version 4 is known."),
                        {std::to_string(version)});
    SealInfo info;
    info.vendor = ascii_of(from.header->vid, "vid");
    info.id = ascii_of(from.es_id, "esID");
    const int type = number_of(from.property->type, "type");
    if (type != 1 && type != 2) malformed("type");
    info.type = static_cast<SealType>(type);
    info.name = text_of(from.property->name);
    if (info.name.empty() || info.name.size() > kMaxText || !is_utf8(info.name)) malformed("name");
    read_list(*from.property, info);
    info.created = time_of(from.property->create_date, "createDate");
    info.not_before = time_of(from.property->valid_start, "validStart");
    info.not_after = time_of(from.property->valid_end, "validEnd");
    if (info.not_after <= info.not_before) malformed("validEnd");
    info.picture.type = text_of(from.picture->type);
    if (std::find(kPictureTypes.begin(), kPictureTypes.end(), info.picture.type) == kPictureTypes.end())
        malformed("picture type");
    info.picture.data = bytes_in(from.picture->data);
    info.picture.width_mm = number_of(from.picture->width, "width");
    info.picture.height_mm = number_of(from.picture->height, "height");
    if (info.picture.data.empty() || info.picture.width_mm < 1 || info.picture.width_mm > kMaxMillimetres ||
        info.picture.height_mm < 1 || info.picture.height_mm > kMaxMillimetres)
        malformed("picture");
    if (from.ext_datas != nullptr) read_extensions(from.ext_datas);
    return info;
}

// ---- to the templates ----

void put(bool done) {
    if (!done) throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"ASN.1"});
}

void put(ASN1_STRING* to, const std::string& text) {
    put(ASN1_STRING_set(to, text.data(), static_cast<int>(text.size())) == 1);
}

void put(ASN1_STRING* to, Bytes data) { put(ASN1_STRING_set(to, data.data(), static_cast<int>(data.size())) == 1); }

void put(ASN1_INTEGER* to, int value) { put(ASN1_INTEGER_set_int64(to, value) == 1); }

void put_time(ASN1_GENERALIZEDTIME* to, Time time) {
    put(ASN1_GENERALIZEDTIME_set_string(to, generalized_time(time).c_str()) == 1);
}

void write_info(const SealInfo& info, SES_SEAL_INFO& to) {
    put(to.header->id, std::string("ES"));
    put(to.header->version, 4);
    put(to.header->vid, info.vendor);
    put(to.es_id, info.id);
    put(to.property->type, static_cast<int>(info.type));
    put(to.property->name, info.name);
    put(to.property->cert_list_type, 1);
    for (const ByteVector& certificate : info.certificates) {
        ASN1_TYPE* entry = ASN1_TYPE_new();
        ASN1_OCTET_STRING* octets = ASN1_OCTET_STRING_new();
        put(entry != nullptr && octets != nullptr);
        put(octets, certificate);
        ASN1_TYPE_set(entry, V_ASN1_OCTET_STRING, octets);
        put(sk_ASN1_TYPE_push(to.property->cert_list, entry) > 0);
    }
    put_time(to.property->create_date, info.created);
    put_time(to.property->valid_start, info.not_before);
    put_time(to.property->valid_end, info.not_after);
    put(to.picture->type, info.picture.type);
    put(to.picture->data, info.picture.data);
    put(to.picture->width, info.picture.width_mm);
    put(to.picture->height, info.picture.height_mm);
}

[[noreturn]] void bad_argument(const char* text, std::vector<std::string> arguments = {}) {
    throw SealError(Fault::bad_argument, text, std::move(arguments));
}

bool fits_generalized_time(Time time) {
    const auto day = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(time));
    return int(day.year()) >= 1970 && int(day.year()) <= 9999;
}

void check_order(const SealInfo& info) {
    if (info.vendor.empty() || info.vendor.size() > kMaxText || !is_ascii(info.vendor))
        bad_argument(mark("The seal's vendor mark must be 1 to 256 ASCII characters."));
    if (info.id.empty() || info.id.size() > kMaxText || !is_ascii(info.id))
        bad_argument(mark("The seal's number must be 1 to 256 ASCII characters."));
    if (info.name.empty() || info.name.size() > kMaxText || !is_utf8(info.name))
        bad_argument(mark("The seal's name must be 1 to 256 bytes of UTF-8 without control characters."));
    if (info.certificates.empty() || info.certificates.size() > kMaxListed || !info.digests.empty())
        bad_argument(mark("A seal is made for 1 to %1 signing certificates."), {std::to_string(kMaxListed)});
    for (const ByteVector& certificate : info.certificates) (void)certificate_of_der(certificate);
    if (info.not_after <= info.not_before || !fits_generalized_time(info.created) ||
        !fits_generalized_time(info.not_before) || !fits_generalized_time(info.not_after))
        bad_argument(mark("The seal's validity must begin before it ends."));
    if (info.picture.width_mm < 1 || info.picture.width_mm > kMaxMillimetres || info.picture.height_mm < 1 ||
        info.picture.height_mm > kMaxMillimetres)
        bad_argument(mark("A seal is 1 to %1 mm wide and high."), {std::to_string(kMaxMillimetres)});
    if (info.picture.type != "PNG") bad_argument(mark("A seal is made with a PNG picture."));
    (void)decode_png(info.picture.data);
}

}  // namespace

std::string iso_time(Time time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    char text[64];
    std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", int(date.year()), unsigned(date.month()),
                  unsigned(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()));
    return text;
}

ByteVector make_seal(const SealInfo& info, EVP_PKEY* maker_key, const X509* maker_certificate) {
    check_order(info);
    if (!is_sm2(maker_key)) bad_argument(mark("The seal maker's key must be an SM2 key."));
    if (maker_certificate == nullptr || EVP_PKEY_eq(X509_get0_pubkey(maker_certificate), maker_key) != 1)
        bad_argument(mark("The seal maker's certificate isn't for its key."));
    std::time_t created = seconds_of(info.created);
    if (X509_cmp_time(X509_get0_notBefore(maker_certificate), &created) > 0 ||
        X509_cmp_time(X509_get0_notAfter(maker_certificate), &created) < 0)
        throw SealError(Fault::maker_expired, mark("The seal maker's certificate isn't valid at %1."),
                        {iso_time(info.created)});

    SealObject object = new_seal();
    write_info(info, *object->info);
    put(object->cert, der_of(maker_certificate));
    ASN1_OBJECT_free(object->algorithm);
    object->algorithm = OBJ_txt2obj(kSm2WithSm3, 1);
    put(object->algorithm != nullptr);
    const ByteVector signature = sm2_sign(maker_key, write(object->info));
    put(object->signature, signature);
    // A BIT STRING of whole bytes: without this, OpenSSL drops trailing zero bits.
    object->signature->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07L);
    object->signature->flags |= ASN1_STRING_FLAG_BITS_LEFT;
    ByteVector der = write(object.get());
    if (der.size() > kMaxSeal)
        throw SealError(Fault::too_large,
                        mark("The seal has %1 bytes; a key holds at most %2. Take a smaller picture."),
                        {std::to_string(der.size()), std::to_string(kMaxSeal)});
    verify_signature(parse_seal(der));
    return der;
}

Seal parse_seal(Bytes der) {
    if (der.size() > kMaxSeal)
        throw SealError(Fault::too_large, mark("The seal has %1 bytes; at most %2 are read."),
                        {std::to_string(der.size()), std::to_string(kMaxSeal)});
    const SealObject object = read_seal(der);
    if (!object) malformed("not DER of the standard's structure");
    const ASN1_OBJECT* wanted = OBJ_nid2obj(NID_SM2_with_SM3);
    if (OBJ_cmp(object->algorithm, wanted) != 0)
        throw SealError(Fault::unsupported, mark("The seal isn't signed with SM2 and SM3."));
    Seal seal;
    seal.der.assign(der.begin(), der.end());
    seal.info = read_info(*object->info);
    seal.info_der = write(object->info);
    seal.maker_certificate = bytes_in(object->cert);
    (void)certificate_of_der(seal.maker_certificate);
    if ((object->signature->flags & 0x07) != 0) malformed("signedValue");
    seal.signature = bytes_in(object->signature);
    return seal;
}

}  // namespace sealkey::seal
