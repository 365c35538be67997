#include "ca/attestation.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <cstdio>

namespace sealkey::ca {

namespace {

namespace attested = protocol::attested;
using attested::Known;
using attested::Own;
using protocol::PinPolicy;
using protocol::TouchPolicy;

using Object = Owned<ASN1_OBJECT, ASN1_OBJECT_free>;
using Store = Owned<X509_STORE, X509_STORE_free>;
using StoreContext = Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
struct FreeStack {
    void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using Stack = std::unique_ptr<STACK_OF(X509), FreeStack>;

constexpr const char* kDefectNames[] = {"malformed", "chain",  "expired",  "revoked",  "serial",  "role",   "key",
                                        "nonce",     "policy", "imported", "firmware", "renewal", "profile"};

[[noreturn]] void refuse(Defect defect, const char* text, std::vector<std::string> arguments = {}) {
    throw AttestationRefused(defect, text, std::move(arguments));
}

[[noreturn]] void malformed() {
    refuse(Defect::malformed, mark("This isn't an attestation of the form that our keys give."));
}

Cert parse(Bytes der) {
    const unsigned char* p = der.data();
    Cert cert(der.empty() ? nullptr : d2i_X509(nullptr, &p, static_cast<long>(der.size())));
    ERR_clear_error();
    if (!cert || p != der.data() + der.size()) malformed();
    return cert;
}

// ---- what stands in it ----

// The contents of an extension, which stands there once; nothing if it isn't there.
std::optional<Bytes> extension(const X509* cert, const std::string& oid) {
    const Object wanted(OBJ_txt2obj(oid.c_str(), 1));
    require(wanted != nullptr, "object identifier");
    const int at = X509_get_ext_by_OBJ(cert, wanted.get(), -1);
    if (at < 0) return std::nullopt;
    if (X509_get_ext_by_OBJ(cert, wanted.get(), at) >= 0) malformed();
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(cert, at));
    return Bytes(ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value)));
}

// Bare bytes of an extension that common clients read.
Bytes known(const X509* cert, Known which, std::size_t size) {
    const auto value =
        extension(cert, std::string(attested::kKnownArc) + "." + std::to_string(static_cast<int>(which)));
    if (!value || value->size() != size) malformed();
    return *value;
}

// The value inside one of our own extensions: `tag`, short length, value. All of them are that short.
std::optional<Bytes> own(const X509* cert, Own which, std::uint8_t tag) {
    const auto der = extension(cert, std::string(attested::kOwnArc) + "." + std::to_string(static_cast<int>(which)));
    if (!der) return std::nullopt;
    const bool good = der->size() >= 3 && (*der)[0] == tag && (*der)[1] < 0x80 && (*der)[1] == der->size() - 2;
    if (!good) malformed();
    return der->subspan(2);
}

Bytes required(const X509* cert, Own which, std::uint8_t tag, std::size_t size) {
    const auto value = own(cert, which, tag);
    if (!value || value->size() != size) malformed();
    return *value;
}

std::optional<ByteVector> optional(const X509* cert, Own which, std::size_t size) {
    const auto value = own(cert, which, V_ASN1_OCTET_STRING);
    if (!value) return std::nullopt;
    if (value->size() != size) malformed();
    return ByteVector(value->begin(), value->end());
}

// A number that isn't negative, in its shortest form.
std::uint32_t number(std::optional<Bytes> value) {
    if (!value || value->empty() || value->size() > 5 || ((*value)[0] & 0x80) != 0) malformed();
    const bool padded = value->size() > 1 && (*value)[0] == 0 && ((*value)[1] & 0x80) == 0;
    if (padded || (value->size() == 5 && (*value)[0] != 0)) malformed();
    std::uint32_t out = 0;
    for (const std::uint8_t byte : *value) out = out << 8 | byte;
    return out;
}

// INTEGER { value } in the extension of common clients.
std::uint32_t known_serial(const X509* cert) {
    const auto der =
        extension(cert, std::string(attested::kKnownArc) + "." + std::to_string(static_cast<int>(Known::serial)));
    const bool good =
        der && der->size() >= 3 && (*der)[0] == V_ASN1_INTEGER && (*der)[1] < 0x80 && (*der)[1] == der->size() - 2;
    if (!good) malformed();
    return number(der->subspan(2));
}

Attested read(const X509* cert) {
    Attested out;
    const Bytes firmware = known(cert, Known::firmware, 3);
    std::copy(firmware.begin(), firmware.end(), out.firmware.begin());
    const Bytes policies = known(cert, Known::policies, 2);
    out.pin_policy = static_cast<PinPolicy>(policies[0]);
    out.touch_policy = static_cast<TouchPolicy>(policies[1]);
    out.numeric_serial = known_serial(cert);
    const Bytes serial = required(cert, Own::serial, V_ASN1_PRINTABLESTRING, protocol::kSerialSize);
    out.serial.assign(serial.begin(), serial.end());
    out.role = required(cert, Own::role, V_ASN1_OCTET_STRING, 1)[0];
    out.nonce = optional(cert, Own::nonce, protocol::kNonceSize);
    out.rid = optional(cert, Own::rid, protocol::kRidSize);
    out.generation = number(own(cert, Own::generation, V_ASN1_INTEGER));
    out.origin = static_cast<protocol::Origin>(required(cert, Own::origin, V_ASN1_ENUMERATED, 1)[0]);
    out.profile = static_cast<protocol::Profile>(required(cert, Own::profile, V_ASN1_ENUMERATED, 1)[0]);
    const EVP_PKEY* key = X509_get0_pubkey(cert);
    ERR_clear_error();
    if (key == nullptr) malformed();
    out.spki = spki_of(const_cast<EVP_PKEY*>(key));
    return out;
}

// ---- the chain ----

bool is_time_error(int error) { return error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID; }

void check_chain(X509* attestation, X509* device, const DeviceTrust& trust) {
    const Store store(X509_STORE_new());
    const Stack others(sk_X509_new_null());
    const StoreContext context(X509_STORE_CTX_new());
    require(store && others && context, "certificate store");
    for (const Cert& root : trust.roots) require(X509_STORE_add_cert(store.get(), root.get()) == 1, "device root");
    require(sk_X509_push(others.get(), device) > 0, "device certificate");
    require(X509_STORE_CTX_init(context.get(), store.get(), attestation, others.get()) == 1, "chain");
    X509_STORE_CTX_set_time(context.get(), 0, trust.now.time_since_epoch().count());
    const bool good = X509_verify_cert(context.get()) == 1;
    const int error = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    if (!good && is_time_error(error)) {
        refuse(Defect::expired, mark("The key's device certificate or its root isn't valid at this time."));
    }
    // Three and no more: a root that signed an attestation itself would be somebody's own.
    const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
    const bool three = good && sk_X509_num(chain) == 3 && X509_cmp(sk_X509_value(chain, 1), device) == 0;
    if (!three)
        refuse(Defect::chain, mark("The attestation doesn't come from a key that a trusted device root made known."));
    if (trust.is_revoked && trust.is_revoked(serial_of(device))) {
        refuse(Defect::revoked, mark("The key's device certificate is revoked."));
    }
}

// The token that the device root wrote into the device certificate.
std::string named_token(const X509* device) {
    char text[64] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(device), NID_serialNumber, text, sizeof text);
    return text;
}

// ---- against the order ----

// never < once < always
int strength(PinPolicy policy) { return static_cast<int>(policy); }
// never < cached < always
int strength(TouchPolicy policy) {
    switch (policy) {
        case TouchPolicy::always:
            return 2;
        case TouchPolicy::cached:
            return 1;
        default:
            return 0;
    }
}

void check_policies(const Attested& said, const AttestationOrder& order) {
    const bool sensible = said.pin_policy >= PinPolicy::never && said.pin_policy <= PinPolicy::always &&
                          said.touch_policy >= TouchPolicy::never && said.touch_policy <= TouchPolicy::cached;
    if (!sensible) malformed();
    if (strength(said.pin_policy) < strength(order.least_pin_policy)) {
        refuse(Defect::policy, mark("The key may be used without the PIN more often than it should."));
    }
    if (strength(said.touch_policy) < strength(order.least_touch_policy)) {
        refuse(Defect::policy, mark("The key may be used without a touch more often than it should."));
    }
}

void check_origin(const Attested& said, const AttestationOrder& order) {
    const auto wanted = order.imported ? protocol::Origin::imported : protocol::Origin::generated;
    if (said.origin == wanted) return;
    if (order.imported)
        refuse(Defect::imported, mark("The key isn't the one that was brought: it was made on the token."));
    refuse(Defect::imported, mark("The private key wasn't made on the token: it was brought there."));
}

std::string slot_text(std::uint8_t slot) { return hex({&slot, 1}); }

void check_identity(const Attested& said, const AttestationOrder& order) {
    const bool serial = !order.serial || *order.serial == said.serial;
    const bool numeric = !order.numeric_serial || *order.numeric_serial == said.numeric_serial;
    if (!serial || !numeric)
        refuse(Defect::serial, mark("The attestation is about key %1, another one."), {said.serial});
    if (order.profile && *order.profile != said.profile) {
        refuse(Defect::profile, mark("The key has another profile than was ordered."));
    }
    if (said.firmware < order.least_firmware) {
        refuse(Defect::firmware, mark("The key's firmware is %1: at least %2 is asked for."),
               {text_of(said.firmware), text_of(order.least_firmware)});
    }
}

void check_order(const Attested& said, const AttestationOrder& order) {
    check_identity(said, order);
    if (order.role && *order.role != said.role) {
        refuse(Defect::role, mark("The attestation is about slot %1, not %2."),
               {slot_text(said.role), slot_text(*order.role)});
    }
    if (order.spki && *order.spki != said.spki) {
        refuse(Defect::key, mark("The attestation is about another key than the request."));
    }
    if (order.nonce && said.nonce != order.nonce) {
        refuse(Defect::nonce,
               mark("The attestation doesn't answer the question that was asked: it may be an old one."));
    }
    check_policies(said, order);
    check_origin(said, order);
    const bool renewal = !order.rid || said.rid.value_or(ByteVector{}) == *order.rid;
    const bool generation = !order.generation || *order.generation == said.generation;
    if (!renewal || !generation) {
        refuse(Defect::renewal, mark("The attested key was made in another renewal."));
    }
}

}  // namespace

Version version_of(const std::string& text) {
    unsigned parts[3] = {};
    char rest = 0;
    const int read = std::sscanf(text.c_str(), "%3u.%3u.%3u%c", &parts[0], &parts[1], &parts[2], &rest);
    const bool digits = text.find_first_not_of("0123456789.") == std::string::npos;
    if (read != 3 || !digits || parts[0] > 255 || parts[1] > 255 || parts[2] > 255) {
        throw CaError(Fault::bad_argument, mark("\"%1\" isn't a firmware version: three numbers, like 0.1.0."), {text});
    }
    return {static_cast<std::uint8_t>(parts[0]), static_cast<std::uint8_t>(parts[1]),
            static_cast<std::uint8_t>(parts[2])};
}

std::string text_of(const Version& version) {
    return std::to_string(version[0]) + "." + std::to_string(version[1]) + "." + std::to_string(version[2]);
}

const char* name_of(Defect defect) { return kDefectNames[static_cast<std::size_t>(defect)]; }

Attested check_attestation(Bytes attestation, Bytes device_certificate, const DeviceTrust& trust,
                           const AttestationOrder& order) {
    const Cert leaf = parse(attestation);
    const Cert device = parse(device_certificate);
    // Nothing in it counts before the chain does.
    check_chain(leaf.get(), device.get(), trust);
    Attested said = read(leaf.get());
    // A token speaks for itself alone: whoever got hold of one's F9 can't attest in another one's name.
    if (named_token(device.get()) != said.serial) {
        refuse(Defect::serial, mark("The attestation names key %1, but its device certificate is another key's."),
               {said.serial});
    }
    check_order(said, order);
    return said;
}

}  // namespace sealkey::ca
