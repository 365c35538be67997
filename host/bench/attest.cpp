#include "bench/attest.h"

#include "bench/request.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using protocol::PinPolicy;

constexpr std::uint8_t kSlot = protocol::ref::attestation;

template <class Read>
auto if_there(Read read) -> std::optional<decltype(read())> {
    try {
        return read();
    } catch (const token::TokenError& error) {
        if (error.kind() != token::Kind::not_found) throw;
        return std::nullopt;
    }
}

// A signature needs the PIN each time; the others once.
PinPolicy least_pin_policy(ca::Role role) { return role == ca::Role::signature ? PinPolicy::always : PinPolicy::once; }

CertificateRow certify(Inventory& inventory, const ca::Authority& authority, EVP_PKEY* device_root_key,
                       const TokenRow& row, EVP_PKEY* key, const std::string& operator_name) {
    const ca::Cert certificate =
        ca::issue_device_certificate(authority.device_root(), device_root_key, row.serial, key, ca::now());
    CertificateRow out{ca::serial_of(certificate.get()),
                       row.serial,
                       kDeviceSlot,
                       ca::hex(ca::der_of(certificate.get())),
                       ca::sha256_hex(ca::spki_of(key)),
                       ca::iso_time(ca::time_of(X509_get0_notAfter(certificate.get()))),
                       "",
                       ""};
    Inventory::Work work(inventory, operator_name);
    // Whoever has a plain PIV token can make its F9 anew. A key of ours has one for ever.
    const auto before = inventory.live_certificate(row.serial, kDeviceSlot);
    if (before && row.profile == "compatibility") work.revoke_certificate(before->serial, "superseded", ca::now());
    work.add_certificate(out);
    work.commit();
    return out;
}

// The inventory's certificate of this very F9; nothing if none was made yet.
std::optional<CertificateRow> certificate_of(Inventory& inventory, const TokenRow& row, EVP_PKEY* key) {
    const std::string spki = ca::sha256_hex(ca::spki_of(key));
    for (const auto& one : inventory.certificates_of(row.serial)) {
        if (one.slot != kDeviceSlot || one.spki != spki) continue;
        if (one.revoked_at.empty()) return one;
        throw CaError(Fault::policy, mark("The device certificate of key %1 is revoked: it can't be used again."),
                      {row.serial});
    }
    return std::nullopt;
}

}  // namespace

void ensure_device_identity(token::Token& token, Inventory& inventory, const ca::Authority& authority,
                            EVP_PKEY* device_root_key, const TokenRow& row, const std::string& operator_name) {
    const auto metadata = if_there([&] { return token.metadata(kSlot); });
    const ca::PKey key =
        public_key_of(metadata ? metadata->public_key : token.generate(kSlot, protocol::Algorithm::p256));
    auto certificate = certificate_of(inventory, row, key.get());
    const auto present = if_there([&] { return token.read_certificate(kSlot); });
    if (certificate && present == ca::unhex(certificate->der)) return;
    if (present && row.profile != "compatibility") {
        throw CaError(Fault::quality, mark("Key %1 has a device certificate that this CA didn't give it."),
                      {row.serial});
    }
    if (!certificate) certificate = certify(inventory, authority, device_root_key, row, key.get(), operator_name);
    token.write_certificate(kSlot, ca::unhex(certificate->der));
}

ca::AttestationOrder attestation_order(const ca::Authority& authority, const TokenRow& row, ca::Role role,
                                       ca::ByteVector spki) {
    ca::AttestationOrder order;
    order.serial = row.serial;
    order.numeric_serial = static_cast<std::uint32_t>(row.numeric_serial);
    order.role = ca::slot_of(role);
    order.spki = std::move(spki);
    order.profile = row.profile == "compatibility" ? protocol::Profile::compatibility : protocol::Profile::shipping;
    order.least_pin_policy = least_pin_policy(role);
    order.imported = from_centre(order_of_json(nlohmann::json::parse(row.order_text)), ca::name_of(role));
    order.least_firmware = ca::version_of(authority.settings().least_firmware);
    return order;
}

ca::DeviceTrust device_trust(const ca::Authority& authority, Inventory& inventory) {
    return {authority.device_roots(), [&inventory](const std::string& serial) { return inventory.is_revoked(serial); },
            ca::now()};
}

AttestedKey require_attested(token::Token& token, const ca::DeviceTrust& trust, ca::AttestationOrder order) {
    AttestedKey out;
    out.nonce.resize(protocol::kNonceSize);
    ca::random_bytes(out.nonce);
    order.nonce = out.nonce;
    const auto device = if_there([&] { return token.read_certificate(kSlot); });
    if (!device) {
        throw ca::AttestationRefused(ca::Defect::chain, mark("The key has no device certificate."));
    }
    try {
        out.attestation = token.attest(order.role.value(), out.nonce);
    } catch (const token::TokenError& error) {
        if (error.kind() != token::Kind::not_allowed) throw;
        throw ca::AttestationRefused(ca::Defect::imported,
                                     mark("The key doesn't attest the private key: it was brought there, or moved."));
    }
    (void)ca::check_attestation(out.attestation, *device, trust, order);
    return out;
}

void note_attestation(Inventory::Work& work, const TokenRow& row, ca::Role role, const AttestedKey& evidence) {
    work.audit("attestation", row.serial,
               {{"slot", ca::name_of(role)},
                {"nonce", ca::hex(evidence.nonce)},
                {"attestation", ca::hex(evidence.attestation)}});
}

}  // namespace sealkey::bench
