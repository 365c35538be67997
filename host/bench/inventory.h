// The inventory: every key the bench ever touched, every certificate it ever issued, every code it ever gave, and who
// did it. In SQLite or PostgreSQL through SOCI (database.h); the schema stands in inventory_schema.cpp and nowhere
// else.
//
// Everything that changes runs inside a Work; what it did is there whole or not at all. Every change leaves an audit
// row, each chained to the one before by SHA-256.
#pragma once

#include <soci/soci.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/audit.h"
#include "bench/database.h"
#include "bench/inventory_schema.h"
#include "bench/meter.h"
#include "bench/order.h"
#include "bench/states.h"
#include "ca/crl.h"
#include "ca/openssl.h"
#include "ca/unlock.h"

namespace sealkey::bench {

struct TokenRow {
    long long id = 0;
    std::string serial;            // 12 characters, assigned once
    long long numeric_serial = 0;  // below 2^31
    std::string chip_id;           // 16 hexadecimal digits
    std::string guid;              // 32 hexadecimal digits
    std::string diversification;   // 10 bytes in hexadecimal, unique
    int key_version = 1;
    std::string profile;
    TokenState state = TokenState::blank;
    std::string unified_code;
    std::string login_name;
    int key_number = 1;
    std::string order_text;  // JSON
    std::string picture_hash;
    std::string step;    // how far its making has come; "done" at the end
    std::string seal;    // hexadecimal
    std::string record;  // hexadecimal
    int salt = -1;       // of the delivery (LC 1); -1: not known yet
    int last_seen = 0;
    int last_redeemed = 0;
    std::string created_at;
    std::string updated_at;
};

// The slot of a token's device certificate, among the certificates of its enterprise.
inline constexpr char kDeviceSlot[] = "F9";

struct CertificateRow {
    std::string serial;
    std::string token;
    std::string slot;
    std::string der;   // hexadecimal
    std::string spki;  // SHA-256 of the public key, hexadecimal
    std::string not_after;
    std::string revoked_at;  // empty: not revoked
    std::string reason;
};

struct LockEventRow {
    std::string token;
    int counter = 0;
    int salt = 0;
    std::string source;  // "statement", "telephone", "delivery"
    std::string request;
    std::string operator_name;
    std::string second_operator;
    std::string given_at;
    std::string closed_at;
};

class Inventory {
public:
    // `place` is a file's path (mode 0600), or a PostgreSQL database's URL; an empty one gets its tables unless that is
    // refused. Throws CaError: file, bad_argument for a URL, or corrupt for a schema that isn't known.
    explicit Inventory(const std::string& place, Missing missing = Missing::make);

    // One transaction. Rolled back unless commit() is reached.
    class Work {
    public:
        Work(Inventory& inventory, std::string operator_name);
        ~Work();
        Work(const Work&) = delete;
        Work& operator=(const Work&) = delete;
        void commit();

        // Once, when its CA is made: which CA's inventory this is. Throws CaError exists where it is one's already.
        void belong_to(const std::string& authority);

        // --- tokens ---
        // A new row with serial, numeric serial, GUID and diversification data of its own.
        TokenRow add_token(const std::string& chip_id, const Order& order, const std::string& picture_hash,
                           int key_number, int key_version);
        // Throws CaError policy where the table of states doesn't have the change.
        void set_state(const std::string& serial, TokenState state, const std::string& why);
        // The event `resumed`: to the state that the key was set aside in.
        void set_back(const std::string& serial, TokenState state, const std::string& why);
        void set_step(const std::string& serial, const std::string& step);
        void set_contents(const std::string& serial, const std::string& record_hex, const std::string& seal_hex);
        void set_delivery_salt(const std::string& serial, std::uint32_t salt);
        // Throws CaError policy where any key ever had it (N5).
        void take_login_name(const std::string& name, const std::string& unified_code);
        // No key with it ever left the bench.
        void free_login_name(const std::string& name);

        // --- certificates ---
        // A slot has one that is live, and a public key one for ever. None for a key that meanwhile was revoked, given
        // up or set aside, wherever that was done: throws CaError policy.
        void add_certificate(const CertificateRow& row);
        // All live ones of the token, the device certificate too; returns how many of the enterprise's.
        int revoke_certificates(const std::string& serial, const std::string& reason, ca::Time when);
        void revoke_certificate(const std::string& certificate_serial, const std::string& reason, ca::Time when);
        // The enterprise's live ones, and back again; a revocation makes a hold final, from the hold's date on.
        int hold_certificates(const std::string& serial, ca::Time when);
        int release_certificates(const std::string& serial);
        [[nodiscard]] std::uint64_t next_crl_number();

        // --- locks ---
        void note_seen(const std::string& serial, std::uint16_t counter);
        void note_code(const LockEventRow& row);  // the same event again leaves the first row as it is
        void note_redeemed(const std::string& serial, std::uint16_t counter);

        void audit(const std::string& action, const std::string& subject, const nlohmann::json& detail);

    private:
        friend class RenewalBook;
        friend class JobBook;
        void move(const std::string& serial, TokenState state, const std::string& why,
                  bool (*allowed)(TokenState from, TokenState to));
        Metered metered_{Part::database};
        Inventory& inventory_;
        std::string operator_;
    };

    [[nodiscard]] std::vector<TokenRow> tokens();
    // Those of the organisation that the code is of, whatever code stands in each.
    [[nodiscard]] std::vector<TokenRow> tokens_of(const std::string& code);
    [[nodiscard]] std::optional<TokenRow> find_token(const std::string& serial);
    [[nodiscard]] std::optional<TokenRow> find_chip(const std::string& chip_id);
    [[nodiscard]] TokenRow token(const std::string& serial);  // throws CaError unknown
    [[nodiscard]] std::vector<CertificateRow> certificates_of(const std::string& serial);
    [[nodiscard]] std::optional<CertificateRow> live_certificate(const std::string& serial, const std::string& slot);
    // Of enterprises' certificates, for the CRL: device certificates (F9) are another issuer's.
    [[nodiscard]] std::vector<ca::Revoked> revoked();
    [[nodiscard]] std::optional<CertificateRow> find_certificate(const std::string& certificate_serial);
    // Whether a certificate with this serial number was made here and revoked.
    [[nodiscard]] bool is_revoked(const std::string& certificate_serial);
    [[nodiscard]] std::vector<LockEventRow> lock_events(const std::string& serial);
    [[nodiscard]] std::vector<AuditRow> audit_rows();
    [[nodiscard]] std::uint64_t crl_number();  // the last one used
    // Whether anything was revoked, held or released since the last list was made.
    [[nodiscard]] bool list_is_behind();
    // The last row, as every Work notes it beside the rows.
    [[nodiscard]] AuditHead audit_head();
    // As belong_to() wrote it; empty: none, or a CA that was made before this was noted.
    [[nodiscard]] std::string authority();
    // Throws CaError corrupt; see check_chain().
    void check_audit_chain(const std::optional<AuditHead>& noted = std::nullopt);
    [[nodiscard]] ca::LockHistory history_of(const TokenRow& row) const;

private:
    friend class Work;
    friend class RenewalBook;  // renewals: tables of their own
    friend class JobBook;      // and the jobs of a tray
    [[nodiscard]] std::vector<TokenRow> select_tokens(const std::string& where, const std::string& value);
    void touch(const std::string& serial);
    [[nodiscard]] soci::session& sql() { return database_.session(); }

    Database database_;
};

}  // namespace sealkey::bench
