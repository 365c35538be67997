// Attestations behind a device root that is trusted: what comes out is either refused by a defect's name, or it says
// what a second look finds again, and is refused as soon as anything else was ordered. The first byte says what is
// signed anew on the way, so that what is changed in an attestation (1) or in the device certificate before it (2) is
// read at all.
#include "ca/attestation.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "ca/certificate.h"

using namespace sealkey;

namespace {

constexpr char kSerial[] = "SK2600000013";

struct Factory {
    ca::Time now = ca::now();
    ca::PKey root_key = ca::generate_key("p256");
    ca::PKey f9 = ca::generate_key("p256");
    ca::Cert roots[1];
    ca::Cert device;
    Factory() {
        roots[0] = ca::make_authority_certificate(
            {ca::AuthorityKind::device_root, "fuzz", "fuzz", now - std::chrono::hours(1), now + std::chrono::hours(9)},
            root_key.get(), nullptr, root_key.get());
        device = ca::issue_device_certificate(roots[0].get(), root_key.get(), kSerial, f9.get(), now);
    }
    [[nodiscard]] ca::DeviceTrust trust() const { return {roots, nullptr, now}; }
};

// By this factory, and valid now; nothing if it can't be.
ca::ByteVector signed_anew(Bytes der, const X509* issuer, EVP_PKEY* key, EVP_PKEY* subject) {
    const unsigned char* p = der.data();
    const ca::Cert cert(d2i_X509(nullptr, &p, static_cast<long>(der.size())));
    if (!cert) return {};
    X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer));
    X509_set1_notBefore(cert.get(), X509_get0_notBefore(issuer));
    X509_set1_notAfter(cert.get(), X509_get0_notAfter(issuer));
    if (subject != nullptr) X509_set_pubkey(cert.get(), subject);
    try {
        ca::sign_certificate(cert.get(), key);
        return ca::der_of(cert.get());
    } catch (const ca::CaError&) {  // OpenSSL reads what it doesn't write
        return {};
    }
}

// The certificate in front of what follows it; nothing if there is none.
ca::ByteVector take_front(Bytes& rest) {
    if (rest.size() < 4 || rest[1] != 0x82) return {};
    const std::size_t size = std::min(rest.size(), 4 + std::size_t{rest[2]} * 256 + rest[3]);
    const Bytes front = rest.first(size);
    rest = rest.subspan(size);
    return {front.begin(), front.end()};
}

void require_refused(ca::Defect defect, Bytes attestation, Bytes device, const Factory& factory,
                     const ca::AttestationOrder& order) {
    try {
        (void)ca::check_attestation(attestation, device, factory.trust(), order);
    } catch (const ca::AttestationRefused& refused) {
        if (refused.defect() == defect) return;
    }
    std::abort();
}

// Taken: each thing that it says can be ordered, and nothing else.
void look_again(const ca::Attested& said, Bytes attestation, Bytes device, const Factory& factory) {
    ca::AttestationOrder order;
    order.serial = said.serial;
    order.numeric_serial = said.numeric_serial;
    order.role = said.role;
    order.spki = said.spki;
    order.generation = said.generation;
    order.profile = said.profile;
    order.rid = said.rid.value_or(ca::ByteVector{});
    order.imported = said.origin == protocol::Origin::imported;
    order.least_pin_policy = said.pin_policy;
    order.least_firmware = said.firmware;
    (void)ca::check_attestation(attestation, device, factory.trust(), order);
    const auto refused = [&](ca::Defect defect, const std::function<void(ca::AttestationOrder&)>& change) {
        ca::AttestationOrder other = order;
        change(other);
        require_refused(defect, attestation, device, factory, other);
    };
    refused(ca::Defect::serial, [](auto& o) { o.serial->back() ^= 1; });
    refused(ca::Defect::serial, [](auto& o) { *o.numeric_serial ^= 1; });
    refused(ca::Defect::role, [](auto& o) { *o.role ^= 1; });
    refused(ca::Defect::key, [](auto& o) { o.spki->back() ^= 1; });
    refused(ca::Defect::nonce, [](auto& o) { o.nonce = ca::ByteVector(31, 0); });
    refused(ca::Defect::imported, [](auto& o) { o.imported = !o.imported; });
    refused(ca::Defect::renewal, [](auto& o) { *o.generation ^= 1; });
    refused(ca::Defect::renewal, [](auto& o) { o.rid = ca::ByteVector(15, 0); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Factory factory;
    if (size == 0) return 0;
    Bytes rest(data + 1, size - 1);
    ca::ByteVector device = ca::der_of(factory.device.get());
    if ((data[0] & 2) != 0) {
        device = signed_anew(take_front(rest), factory.roots[0].get(), factory.root_key.get(), factory.f9.get());
    }
    ca::ByteVector attestation(rest.begin(), rest.end());
    if ((data[0] & 1) != 0) {
        const unsigned char* p = device.data();
        const ca::Cert issuer(d2i_X509(nullptr, &p, static_cast<long>(device.size())));
        if (issuer) attestation = signed_anew(rest, issuer.get(), factory.f9.get(), nullptr);
    }
    ERR_clear_error();
    try {
        for (const bool imported : {false, true}) {
            ca::AttestationOrder order;
            order.imported = imported;
            try {
                const auto said = ca::check_attestation(attestation, device, factory.trust(), order);
                look_again(said, attestation, device, factory);
            } catch (const ca::AttestationRefused&) {
            }
        }
    } catch (const ca::CaError&) {
        std::abort();  // every refusal has a defect's name
    }
    if (ERR_peek_error() != 0) std::abort();
    return 0;
}
