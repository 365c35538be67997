#include "applet/manifest.h"

#include <bit>

#include "base/tlv.h"
#include "crypto/hash.h"

namespace sealkey::applet {

namespace {

namespace mt = protocol::manifest_tag;

// Takes the list's values one by one. Lengths have their shortest form, so that a manifest has one encoding.
class Values {
public:
    explicit Values(Bytes data) : data_(data), reader_(data) {}

    // The next value, if it has this tag.
    std::optional<Bytes> take(std::uint32_t tag) {
        TlvReader ahead = reader_;
        const std::size_t left = ahead.rest().size();
        const auto item = ahead.next();
        if (!item || item->tag != tag) return std::nullopt;
        const std::size_t used = left - ahead.rest().size();
        if (used != TlvWriter::header_size(tag, item->value.size()) + item->value.size()) return std::nullopt;
        reader_ = ahead;
        return item->value;
    }
    // The same, of this length; what is missing or of another length is remembered.
    Bytes need(std::uint32_t tag, std::size_t size) {
        const auto value = take(tag);
        if (!value || value->size() != size) {
            good_ = false;
            return {};
        }
        return *value;
    }
    std::optional<Bytes> may(std::uint32_t tag, std::size_t size) {
        const auto value = take(tag);
        if (value && value->size() != size) good_ = false;
        return value;
    }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] bool at_end() const { return reader_.at_end(); }
    [[nodiscard]] Bytes so_far() const { return data_.first(data_.size() - reader_.rest().size()); }

private:
    Bytes data_;
    TlvReader reader_;
    bool good_ = true;
};

}  // namespace

Result<Manifest> parse_manifest(Bytes data) {
    Manifest out;
    Values values(data);
    const Bytes version = values.need(mt::version, 1);
    out.serial = values.need(mt::serial, protocol::kSerialSize);
    out.rid = values.need(mt::rid, protocol::kRidSize);
    const Bytes roles = values.need(mt::roles, 1);
    if (!values.good() || version[0] != protocol::kManifestVersion) return Error::invalid;
    out.roles = roles[0];
    if (out.roles == 0 || (out.roles & ~protocol::role_bit::all) != 0) return Error::invalid;
    const auto count = static_cast<std::size_t>(std::popcount(out.roles));
    out.certificates = values.need(mt::certificates, count * crypto::kSha256Size);
    out.seal = values.may(mt::seal, crypto::kSha256Size);
    out.record = values.may(mt::record, crypto::kSha256Size);
    out.issuer = values.may(mt::issuer, crypto::kSha256Size);
    out.guid = values.need(mt::guid, protocol::kGuidSize);
    out.signed_part = values.so_far();
    const auto signature = values.take(mt::signature);
    if (!values.good() || !signature || signature->empty() || !values.at_end()) return Error::invalid;
    out.signature = *signature;
    return out;
}

}  // namespace sealkey::applet
