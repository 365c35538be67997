// The CA's judgement of an attestation (protocol/attestation.h): does a private key lie in the token that it is said to
// lie in, and was it made there? Every refusal has a name.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "ca/error.h"
#include "ca/openssl.h"
#include "protocol/attestation.h"
#include "protocol/key.h"
#include "protocol/piv.h"

namespace sealkey::ca {

using Version = std::array<std::uint8_t, 3>;
// "0.1.0". Throws CaError bad_argument.
[[nodiscard]] Version version_of(const std::string& text);
[[nodiscard]] std::string text_of(const Version& version);

enum class Defect {
    malformed,  // not a certificate of the form that tokens give
    chain,      // not attestation <- device certificate <- one of the device roots
    expired,    // one of the certificates isn't valid at this time
    revoked,    // the device certificate is revoked
    serial,     // another token
    role,       // another slot
    key,        // another key than that of the request
    nonce,      // not an answer to this question
    policy,     // the key may be used more freely than it should
    imported,   // the key wasn't made on the token
    firmware,   // the token's firmware is older than allowed
    renewal,    // another renewal, or another generation
    profile,    // another profile
};
// "malformed", "chain", ...
[[nodiscard]] const char* name_of(Defect defect);

class AttestationRefused : public CaError {
public:
    AttestationRefused(Defect defect, const char* text, std::vector<std::string> arguments = {})
        : CaError(Fault::forged, text, std::move(arguments)), defect_(defect) {}
    [[nodiscard]] Defect defect() const { return defect_; }

private:
    Defect defect_;
};

// What an attestation says.
struct Attested {
    std::string serial;  // 12 characters
    std::uint32_t numeric_serial = 0;
    std::uint8_t role = 0;
    ByteVector spki;
    std::optional<ByteVector> nonce;
    std::optional<ByteVector> rid;
    std::uint32_t generation = 0;
    protocol::Origin origin = protocol::Origin::none;
    protocol::Profile profile = protocol::Profile::none;
    protocol::PinPolicy pin_policy = protocol::PinPolicy::standard;
    protocol::TouchPolicy touch_policy = protocol::TouchPolicy::standard;
    Version firmware{};
};

struct DeviceTrust {
    std::span<const Cert> roots;
    // Whether the device certificate with this serial number (upper-case hexadecimal) is revoked. None: nothing is.
    std::function<bool(const std::string&)> is_revoked;
    Time now;
};

// What must hold. What isn't given isn't compared.
struct AttestationOrder {
    std::optional<std::string> serial;
    std::optional<std::uint32_t> numeric_serial;
    std::optional<std::uint8_t> role;
    std::optional<ByteVector> spki;
    std::optional<ByteVector> nonce;
    std::optional<ByteVector> rid;  // empty: in no renewal
    std::optional<std::uint32_t> generation;
    std::optional<protocol::Profile> profile;
    protocol::PinPolicy least_pin_policy = protocol::PinPolicy::never;
    protocol::TouchPolicy least_touch_policy = protocol::TouchPolicy::never;
    Version least_firmware{};
    bool imported = false;  // the key was brought by order, and must be called so
};

// A pure function of its arguments. Throws AttestationRefused.
[[nodiscard]] Attested check_attestation(Bytes attestation, Bytes device_certificate, const DeviceTrust& trust,
                                         const AttestationOrder& order);

}  // namespace sealkey::ca
