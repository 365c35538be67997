#include "token/certificate_object.h"

#include <zlib.h>

#include <array>

#include "base/tlv.h"
#include "protocol/limits.h"
#include "protocol/piv.h"
#include "token/error.h"

namespace sealkey::token {

namespace {

namespace ref = protocol::ref;
namespace object = protocol::object;
constexpr std::size_t kMaxInflated = 64 * 1024;  // no certificate is longer; a bomb stops here
constexpr int kGzipWindow = 15 + 16;             // zlib's word for "gzip, largest window"

std::vector<std::uint8_t> inflate_gzip(Bytes packed) {
    z_stream stream{};
    if (inflateInit2(&stream, kGzipWindow) != Z_OK) throw TokenError(Kind::malformed_answer, "zlib doesn't start");
    std::vector<std::uint8_t> out(kMaxInflated);
    stream.next_in = const_cast<Bytef*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    const int code = inflate(&stream, Z_FINISH);
    const std::size_t size = stream.total_out;
    inflateEnd(&stream);
    if (code != Z_STREAM_END) throw TokenError(Kind::malformed_answer, "the compressed certificate can't be unpacked");
    out.resize(size);
    return out;
}

}  // namespace

std::uint32_t certificate_tag(std::uint8_t slot) {
    switch (slot) {
        case ref::authentication:
            return object::cert_9a;
        case ref::signature:
            return object::cert_9c;
        case ref::key_management:
            return object::cert_9d;
        case ref::card_authentication:
            return object::cert_9e;
        case ref::attestation:
            return object::cert_attestation;
        default:
            break;
    }
    if (slot >= ref::retired_first && slot <= ref::retired_last) {
        return object::cert_retired_first + (slot - ref::retired_first);
    }
    throw TokenError(Kind::bad_argument, "no certificate belongs to this key reference");
}

std::vector<std::uint8_t> certificate_of_object(Bytes data) {
    std::optional<Bytes> certificate;
    bool compressed = false;
    TlvReader reader(data);
    while (!reader.at_end()) {
        const auto item = reader.next();
        if (!item) throw TokenError(Kind::malformed_answer, "the certificate object breaks its format");
        if (item->tag == protocol::tag::certificate && !certificate) certificate = item->value;
        if (item->tag == protocol::tag::cert_info && item->value.size() == 1) compressed = item->value[0] & 0x01;
    }
    if (!certificate || certificate->empty()) throw TokenError(Kind::not_found, "the object holds no certificate");
    if (compressed) return inflate_gzip(*certificate);
    return {certificate->begin(), certificate->end()};
}

std::vector<std::uint8_t> object_of_certificate(Bytes der) {
    std::vector<std::uint8_t> out(protocol::kMaxCertificateObject);
    TlvWriter writer(out);
    writer.put(protocol::tag::certificate, der);
    writer.put_byte(protocol::tag::cert_info, 0);
    writer.put(protocol::tag::error_detection, {});
    if (der.empty() || !writer.ok()) throw TokenError(Kind::bad_argument, "the certificate doesn't fit its object");
    out.resize(writer.size());
    return out;
}

}  // namespace sealkey::token
