#include "applet/staging_state.h"

#include <algorithm>

#include "base/bytes.h"

namespace sealkey::applet {

namespace {

constexpr std::uint8_t kRecordVersion = 1;
constexpr std::uint8_t kCsrSigned = 1;
constexpr std::uint8_t kProven = 2;

std::uint8_t* put_value(std::uint8_t* out, const StagedValue& value) {
    out[0] = value.place;
    store_be32(out + 1, value.size);
    std::copy(value.fingerprint.begin(), value.fingerprint.end(), out + 5);
    return out + Staging::kValueSize;
}

const std::uint8_t* get_value(const std::uint8_t* in, StagedValue& value) {
    value.place = in[0];
    value.size = load_be32(in + 1);
    std::copy_n(in + 5, value.fingerprint.size(), value.fingerprint.begin());
    return in + Staging::kValueSize;
}

}  // namespace

void Places::encode(std::array<std::uint8_t, kSize>& out) const {
    out[0] = kRecordVersion;
    std::copy(certificates.begin(), certificates.end(), out.begin() + 1);
    std::copy(watched.begin(), watched.end(), out.begin() + 1 + kSlotCount);
}

Status Places::decode(const std::array<std::uint8_t, kSize>& in) {
    if (in[0] != kRecordVersion) return Error::unsupported_format;
    std::copy_n(in.begin() + 1, certificates.size(), certificates.begin());
    std::copy_n(in.begin() + 1 + kSlotCount, watched.size(), watched.begin());
    return {};
}

void Staging::encode(std::array<std::uint8_t, kSize>& out) const {
    out[0] = kRecordVersion;
    std::copy(rid.begin(), rid.end(), out.begin() + 1);
    std::uint8_t* at = out.data() + 1 + rid.size();
    *at++ = roles;
    for (const StagedKey& key : keys) {
        *at++ = key.key;
        *at++ = static_cast<std::uint8_t>(key.algorithm);
        *at++ = static_cast<std::uint8_t>(key.pin_policy);
        *at++ = static_cast<std::uint8_t>(key.touch_policy);
        *at++ = static_cast<std::uint8_t>(key.origin);
        *at++ = static_cast<std::uint8_t>((key.csr_signed ? kCsrSigned : 0) | (key.proven ? kProven : 0));
        at = put_value(at, key.certificate);
    }
    at = put_value(at, seal);
    at = put_value(at, record);
    put_value(at, issuer);
}

Status Staging::decode(const std::array<std::uint8_t, kSize>& in) {
    if (in[0] != kRecordVersion) return Error::unsupported_format;
    std::copy_n(in.begin() + 1, rid.size(), rid.begin());
    const std::uint8_t* at = in.data() + 1 + rid.size();
    roles = *at++;
    for (StagedKey& key : keys) {
        key.key = *at++;
        key.algorithm = static_cast<protocol::Algorithm>(*at++);
        key.pin_policy = static_cast<protocol::PinPolicy>(*at++);
        key.touch_policy = static_cast<protocol::TouchPolicy>(*at++);
        key.origin = static_cast<protocol::Origin>(*at++);
        key.csr_signed = (*at & kCsrSigned) != 0;
        key.proven = (*at++ & kProven) != 0;
        at = get_value(at, key.certificate);
    }
    at = get_value(at, seal);
    at = get_value(at, record);
    get_value(at, issuer);
    return {};
}

void Renewal::encode(std::array<std::uint8_t, kSize>& out) const {
    out[0] = kRecordVersion;
    out[1] = any ? 1 : 0;
    std::copy(committed.begin(), committed.end(), out.begin() + 2);
    store_be16(&out[2 + committed.size()], generation);
}

Status Renewal::decode(const std::array<std::uint8_t, kSize>& in) {
    if (in[0] != kRecordVersion) return Error::unsupported_format;
    any = in[1] != 0;
    std::copy_n(in.begin() + 2, committed.size(), committed.begin());
    generation = load_be16(&in[2 + committed.size()]);
    return {};
}

std::optional<std::size_t> role_index(std::uint8_t reference) {
    for (std::size_t i = 0; i < kRoleCount; ++i) {
        if (protocol::kRoles[i] == reference) return i;
    }
    return std::nullopt;
}

}  // namespace sealkey::applet
