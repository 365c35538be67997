#include "der.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/tlv.h"

namespace sealkey::pkcs11 {

namespace {

constexpr std::uint32_t kInteger = 0x02;
constexpr std::uint32_t kBitString = 0x03;
constexpr std::uint32_t kOctetString = 0x04;
constexpr std::uint32_t kNull = 0x05;
constexpr std::uint32_t kOid = 0x06;
constexpr std::uint32_t kUtcTime = 0x17;
constexpr std::uint32_t kGeneralizedTime = 0x18;
constexpr std::uint32_t kSequence = 0x30;
constexpr std::uint32_t kVersion = 0xA0;  // [0] EXPLICIT
constexpr std::array<std::uint8_t, 9> kRsaEncryption = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};
constexpr std::array<std::uint8_t, 7> kEcPublicKey = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};

ByteVector copy(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

ByteView without_leading_zeros(ByteView number) {
    while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
    return number;
}

ByteVector wrap(std::uint32_t tag, ByteView value) {
    ByteVector out(TlvWriter::header_size(tag, value.size()) + value.size());
    TlvWriter(out).put(tag, value);
    return out;
}

ByteVector concatenate(std::initializer_list<ByteView> parts) {
    ByteVector out;
    for (const ByteView part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}

// One element after another, each of an expected tag; once something is wrong, ok() is false.
class Walker {
public:
    explicit Walker(ByteView data) : reader_(data) {}
    [[nodiscard]] bool ok() const { return ok_; }
    // The element's value, or with header: the whole element.
    ByteView take(std::uint32_t tag) { return read(tag, false); }
    ByteView take_whole(std::uint32_t tag) { return read(tag, true); }
    Tlv take_any() {
        const auto item = next();
        return item ? *item : Tlv{0, {}};
    }
    void skip_if(std::uint32_t tag) {
        TlvReader ahead = reader_;
        const auto item = ahead.next();
        if (item && item->tag == tag) reader_ = ahead;
    }

private:
    std::optional<Tlv> next() {
        if (!ok_ || reader_.at_end()) {
            ok_ = false;
            return std::nullopt;
        }
        const auto item = reader_.next();
        ok_ = item.ok();
        if (!ok_) return std::nullopt;
        return *item;
    }
    ByteView read(std::uint32_t tag, bool whole) {
        const std::uint8_t* begin = reader_.rest().data();
        const auto item = next();
        if (!item || item->tag != tag) {
            ok_ = false;
            return {};
        }
        return whole ? ByteView(begin, item->value.data() + item->value.size()) : item->value;
    }

    TlvReader reader_;
    bool ok_ = true;
};

std::optional<CK_DATE> date_of(const Tlv& time) {
    const auto* text = reinterpret_cast<const char*>(time.value.data());
    CK_DATE date{};
    const bool utc = time.tag == kUtcTime;
    if ((!utc && time.tag != kGeneralizedTime) || time.value.size() < (utc ? 6U : 8U)) return std::nullopt;
    if (!std::all_of(text, text + (utc ? 6 : 8), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
    if (utc) {
        // RFC 5280, 4.1.2.5.1: 50 and later is the last century.
        std::memcpy(date.year, text[0] >= '5' ? "19" : "20", 2);
        std::memcpy(date.year + 2, text, 2);
    } else {
        std::memcpy(date.year, text, 4);
    }
    std::memcpy(date.month, text + (utc ? 2 : 4), 2);
    std::memcpy(date.day, text + (utc ? 4 : 6), 2);
    return date;
}

PublicKeyParts parse_public_key(ByteView info) {
    PublicKeyParts key;
    key.info = copy(info);
    Walker outer(info);
    Walker body(outer.take(kSequence));
    Walker algorithm(body.take(kSequence));
    const ByteView oid = algorithm.take(kOid);
    const ByteView bits = body.take(kBitString);
    if (!outer.ok() || !body.ok() || !algorithm.ok() || bits.size() < 2 || bits[0] != 0) return key;
    if (equal(oid, kRsaEncryption)) {
        Walker rsa(bits.subspan(1));
        Walker numbers(rsa.take(kSequence));
        const ByteView modulus = without_leading_zeros(numbers.take(kInteger));
        const ByteView exponent = without_leading_zeros(numbers.take(kInteger));
        if (rsa.ok() && numbers.ok()) {
            key.modulus = copy(modulus);
            key.exponent = copy(exponent);
        }
    } else if (equal(oid, kEcPublicKey) && bits[1] == 0x04) {
        key.point = copy(bits.subspan(1));
    }
    return key;
}

}  // namespace

std::optional<Certificate> parse_certificate(ByteView der) {
    Walker outer(der);
    Walker certificate(outer.take(kSequence));
    Walker body(certificate.take(kSequence));
    if (!outer.ok() || !certificate.ok()) return std::nullopt;
    Certificate result;
    result.der = copy(der);
    body.skip_if(kVersion);
    result.serial_number = copy(body.take_whole(kInteger));
    body.take(kSequence);  // signature algorithm
    result.issuer = copy(body.take_whole(kSequence));
    Walker validity(body.take(kSequence));
    result.subject = copy(body.take_whole(kSequence));
    const ByteView info = body.take_whole(kSequence);
    if (!body.ok()) return std::nullopt;
    result.start_date = date_of(validity.take_any());
    result.end_date = date_of(validity.take_any());
    result.key = parse_public_key(info);
    return result;
}

ByteVector public_key_info(const PublicKeyParts& key, ByteView ec_params) {
    constexpr std::array<std::uint8_t, 1> kZero = {0};
    if (!ec_params.empty()) {
        const ByteVector algorithm = wrap(kSequence, concatenate({wrap(kOid, kEcPublicKey), ec_params}));
        const ByteVector bits = wrap(kBitString, concatenate({kZero, key.point}));
        return wrap(kSequence, concatenate({algorithm, bits}));
    }
    const auto integer = [&](ByteView number) {
        const bool high = !number.empty() && (number[0] & 0x80) != 0;
        return wrap(kInteger, concatenate({ByteView(kZero).first(high ? 1 : 0), number}));
    };
    const ByteVector rsa = wrap(kSequence, concatenate({integer(key.modulus), integer(key.exponent)}));
    const ByteVector algorithm = wrap(kSequence, concatenate({wrap(kOid, kRsaEncryption), wrap(kNull, {})}));
    return wrap(kSequence, concatenate({algorithm, wrap(kBitString, concatenate({kZero, rsa}))}));
}

ByteVector public_key_fields(const PublicKeyParts& key) {
    constexpr std::uint8_t kModulus = 0x81;
    constexpr std::uint8_t kExponent = 0x82;
    constexpr std::uint8_t kPoint = 0x86;
    if (!key.point.empty()) return wrap(kPoint, key.point);
    return concatenate({wrap(kModulus, key.modulus), wrap(kExponent, key.exponent)});
}

ByteVector octet_string(ByteView bytes) { return wrap(kOctetString, bytes); }

ByteView unwrap_point(ByteView point) {
    // 04 begins both an uncompressed point and an OCTET STRING: only the second has the right length after it.
    TlvReader reader(point);
    const auto item = reader.next();
    if (item && item->tag == kOctetString && reader.at_end() && !item->value.empty() && item->value[0] == 0x04 &&
        (item->value.size() == 65 || item->value.size() == 97)) {
        return item->value;
    }
    return point;
}

std::string hex_text(ByteView bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 0x0F];
    }
    return text;
}

ByteVector ecdsa_from_der(ByteView der, std::size_t width) {
    Walker outer(der);
    Walker numbers(outer.take(kSequence));
    ByteVector out(2 * width, 0);
    for (std::size_t i = 0; i < 2; ++i) {
        const ByteView number = without_leading_zeros(numbers.take(kInteger));
        require(outer.ok() && numbers.ok() && !number.empty() && number.size() <= width, CKR_DEVICE_ERROR);
        std::copy(number.begin(), number.end(),
                  out.begin() + static_cast<std::ptrdiff_t>((i + 1) * width - number.size()));
    }
    return out;
}

}  // namespace sealkey::pkcs11
