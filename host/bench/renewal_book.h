// The inventory's renewals: their rows, and the one place that writes them. Only inside an Inventory::Work, with an
// audit row for every change.
#pragma once

#include "bench/inventory.h"
#include "ca/renewal.h"

namespace sealkey::bench {

// A certificate issued for a renewal stands under this slot until the renewal is confirmed: "9A.next".
[[nodiscard]] std::string next_slot(const std::string& slot);

struct RenewalKeyRow {
    std::string slot;             // "9A"
    std::string old_certificate;  // serial number
    std::string spki;             // SHA-256 of the new public key, hexadecimal; empty until requested
    std::string certificate;      // serial number of the new one; empty until issued
    std::string centre_key;       // SubjectPublicKeyInfo of the key centre's, hexadecimal; empty: none came from there
    std::string envelope;         // hexadecimal, for the token
};

struct RenewalRow {
    std::string rid;  // 32 hexadecimal digits
    long long number = 0;
    std::string token;
    ca::RenewalState state = ca::RenewalState::approved;
    std::string request;     // the approved request
    std::string remark;      // why it was refused
    std::string order_text;  // JSON: what the key will carry
    std::string picture;     // of the seal, hexadecimal; empty: as before
    std::string nonce;       // hexadecimal, as all below; the CA's secret until ISSUED
    std::string guid;        // this and what follows: from ISSUED on
    std::string record;
    std::string seal;      // empty: the seal stays
    std::string manifest;  // from PROVEN on
    std::string created_at;
    std::string updated_at;
    std::vector<RenewalKeyRow> keys;  // in the order 9A, 9C, 9D
};

class RenewalBook {
public:
    explicit RenewalBook(Inventory& inventory) : inventory_(inventory) {}

    [[nodiscard]] std::vector<RenewalRow> all();
    [[nodiscard]] RenewalRow renewal(const std::string& rid);  // throws CaError unknown
    // The token's last one, open or not.
    [[nodiscard]] std::optional<RenewalRow> last_of(const std::string& token);

    // With its keys; the number is given here.
    void add(Inventory::Work& work, RenewalRow& row);
    // Writes the whole row and its keys in a new state. Throws CaError policy where the table doesn't have the change.
    void advance(Inventory::Work& work, RenewalRow& row, ca::RenewalState state, const nlohmann::json& detail);
    // The token's life is over: its open renewal is REFUSED, in whatever state it was, since neither token nor CA can
    // go on with it. One that is CONFIRMED still becomes CLOSED.
    void end_open(Inventory::Work& work, const std::string& token, TokenState end);
    // A PROVEN one that the key, at the desk, can't commit any more: REFUSED, and its new certificates are revoked,
    // which nobody has used. See renewal_end.h for what has to be known first.
    void end_proven(Inventory::Work& work, RenewalRow& row, const nlohmann::json& detail);
    // What the key centre gave for one of the row's keys, once.
    void keep_envelope(Inventory::Work& work, const RenewalRow& row, const RenewalKeyRow& key);
    // CONFIRMED: the new certificates take their slots, the old ones are revoked as superseded, and the token's row
    // says what the key carries now.
    void take_over(Inventory::Work& work, const RenewalRow& row);

private:
    void write(Inventory::Work& work, RenewalRow& row, ca::RenewalState state, const nlohmann::json& detail);
    [[nodiscard]] std::vector<RenewalRow> select(const std::string& where, const std::string& value);
    Inventory& inventory_;
};

}  // namespace sealkey::bench
