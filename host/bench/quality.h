// The quality check of a finished key. Part A uses the private keys by another code path (OpenSC's tools over PC/SC);
// part B compares what is on the key with what the inventory says was ordered, and tries the secrets that must be dead.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "bench/channel.h"
#include "bench/inventory.h"
#include "ca/authority.h"
#include "token/token.h"

namespace sealkey::bench {

// One thing that was checked, for the operator and for --json.
using Checked = std::function<void(const std::string& what)>;

// What a finished key must hold; compared byte by byte.
struct Expected {
    TokenRow row;
    std::vector<CertificateRow> certificates;  // live ones: one for each of 9A, 9C, 9D
    ca::ByteVector issuer;                     // DER
    std::optional<CertificateRow> device;      // F9's; nothing for a key made before there were any
};
[[nodiscard]] Expected expected_of(Inventory& inventory, const ca::Authority& authority, const TokenRow& row);

// Part A: sign fresh nonces with 9A and 9C, decrypt (or derive) with 9D, read the certificates, by `pkcs11-tool` on the
// reader; results are verified with the certificates of `expected`. Throws CaError quality naming what failed.
void check_by_opensc(const std::string& reader, Bytes pin, const Expected& expected, const Checked& checked);

// The same for a simulator at a socket, which OpenSC doesn't see: by our own client, verified by OpenSSL.
void check_by_client(token::Token& token, Bytes pin, const Expected& expected, const Checked& checked);

// Part B, contents: serials, profile, GUID, device certificate, certificates with their keys and attestations of
// them, record, issuer certificate, seal.
// Throws CaError quality naming the first thing that differs.
void check_contents(token::Token& token, const Expected& expected, const ca::Authority& authority,
                    const Checked& checked);

// Part B, secrets (shipping profile): blocked with LC = 1 and a statement made with the diversified key; the management
// key and the channel's keys are the diversified ones; the transport keys, the published defaults and the bench's own
// PIN open nothing. Only what is given of them is tried, and named in `checked`. Nothing is tried that could cost a
// try. Throws CaError quality.
struct DeadSecrets {
    const token::ChannelKeys* transport_keys = nullptr;
    std::optional<Bytes> bench_pin;
};
struct LiveSecrets {
    const ca::Masters& masters;
    const ca::ChannelMaster& channel_master;
};
void check_secrets(token::Token& token, const Expected& expected, const LiveSecrets& live, const DeadSecrets& dead,
                   const Checked& checked);

}  // namespace sealkey::bench
