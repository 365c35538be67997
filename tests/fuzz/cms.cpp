// A detached signature with the files that its reader is told to trust, one DER element after the other: the signature,
// then certificates and revocation lists. SignError, or a signature that fits this data and no other, and nobody's who
// isn't trusted.
#include "sign/cms.h"

#include <algorithm>
#include <cstdlib>

#include "sign/error.h"

using namespace sealkey;

namespace {

// What the seeds sign, and when they are read.
const sign::ByteVector kData(32, 0x5A);
const sign::ByteVector kOther(32, 0xA5);
constexpr sign::Time kWhen = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(12);
constexpr int kMaxFiles = 6;

// The first DER element of `rest`, or all of it where there is none.
Bytes take_element(Bytes& rest) {
    std::size_t size = rest.size();
    if (rest.size() >= 4 && rest[1] == 0x82) size = 4 + std::size_t{rest[2]} * 256 + rest[3];
    if (rest.size() >= 3 && rest[1] == 0x81) size = 3 + std::size_t{rest[2]};
    if (rest.size() >= 2 && rest[1] < 0x80) size = 2 + std::size_t{rest[1]};
    size = std::min(size, rest.size());
    const Bytes out = rest.first(size);
    rest = rest.subspan(size);
    return out;
}

void add(Bytes file, sign::Trust& trust) {
    try {
        for (auto& certificate : sign::read_certificates(file)) trust.authorities.push_back(std::move(certificate));
    } catch (const sign::SignError&) {
    }
    try {
        for (auto& list : sign::read_crls(file)) trust.crls.push_back(std::move(list));
    } catch (const sign::SignError&) {
    }
}

bool is_good(Bytes cms, Bytes data, const sign::Trust& trust) {
    try {
        const sign::Verified read = sign::verify_detached(cms, {data}, trust, kWhen);
        if (read.certificate.empty() || read.signed_at > kWhen + std::chrono::hours(1)) std::abort();
        return true;
    } catch (const sign::SignError&) {
        return false;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    Bytes rest(input, size);
    const Bytes cms = take_element(rest);
    sign::Trust trust;
    for (int i = 0; i < kMaxFiles && !rest.empty(); ++i) add(take_element(rest), trust);
    if (is_good(cms, kData, trust) && (is_good(cms, kOther, trust) || is_good(cms, kData, {}))) std::abort();
    // The same with timestamps looked at, up to the same authorities.
    for (const auto& authority : trust.authorities)
        trust.timestamp_authorities.push_back(seal::certificate_of_der(seal::der_of(authority.get())));
    if (is_good(cms, kData, trust) && is_good(cms, kOther, trust)) std::abort();
    return 0;
}
