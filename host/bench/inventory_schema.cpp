#include "bench/inventory_schema.h"

#include "ca/error.h"

namespace sealkey::bench {

namespace {

constexpr int kVersion = 5;

// A change of these raises kVersion and adds the step from the version before. Bytes are kept as hexadecimal text, and
// no column may be NULL: "" means that there is none.
constexpr const char* kTables[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE tokens ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " serial TEXT NOT NULL UNIQUE CHECK (length(serial) = 12),"
    " numeric_serial INTEGER NOT NULL UNIQUE CHECK (numeric_serial BETWEEN 1 AND 2147483647),"
    " chip_id TEXT NOT NULL UNIQUE,"
    " guid TEXT NOT NULL UNIQUE CHECK (length(guid) = 32),"
    " diversification TEXT NOT NULL UNIQUE CHECK (length(diversification) = 20),"
    " key_version INTEGER NOT NULL,"
    " profile TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " unified_code TEXT NOT NULL,"
    " login_name TEXT NOT NULL,"
    " key_number INTEGER NOT NULL CHECK (key_number BETWEEN 1 AND 3),"
    " order_text TEXT NOT NULL,"
    " picture_hash TEXT NOT NULL,"
    " step TEXT NOT NULL,"
    " seal TEXT NOT NULL DEFAULT '',"
    " record TEXT NOT NULL DEFAULT '',"
    " salt INTEGER NOT NULL DEFAULT -1,"
    " last_seen INTEGER NOT NULL DEFAULT 0,"
    " last_redeemed INTEGER NOT NULL DEFAULT 0,"
    " created_at TEXT NOT NULL,"
    " updated_at TEXT NOT NULL)",
    "CREATE INDEX tokens_by_enterprise ON tokens (unified_code)",
    "CREATE TABLE login_names (name TEXT PRIMARY KEY, unified_code TEXT NOT NULL, taken_at TEXT NOT NULL)",
    "CREATE TABLE certificates ("
    " serial TEXT PRIMARY KEY,"
    " token TEXT NOT NULL REFERENCES tokens (serial),"
    " slot TEXT NOT NULL,"
    " der TEXT NOT NULL,"
    " spki TEXT NOT NULL UNIQUE,"
    " not_after TEXT NOT NULL,"
    " revoked_at TEXT NOT NULL DEFAULT '',"
    " reason TEXT NOT NULL DEFAULT '')",
    "CREATE INDEX certificates_by_token ON certificates (token)",
    "CREATE TABLE lock_events ("
    " token TEXT NOT NULL REFERENCES tokens (serial),"
    " counter INTEGER NOT NULL CHECK (counter BETWEEN 1 AND 65534),"
    " salt INTEGER NOT NULL CHECK (salt BETWEEN 0 AND 999999),"
    " source TEXT NOT NULL,"
    " request TEXT NOT NULL,"
    " operator TEXT NOT NULL,"
    " second_operator TEXT NOT NULL,"
    " given_at TEXT NOT NULL,"
    " closed_at TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY (token, counter, salt))",
    "CREATE TABLE audit ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at TEXT NOT NULL,"
    " operator TEXT NOT NULL,"
    " action TEXT NOT NULL,"
    " subject TEXT NOT NULL,"
    " detail TEXT NOT NULL,"
    " previous TEXT NOT NULL,"
    " hash TEXT NOT NULL UNIQUE)",
    "CREATE TRIGGER audit_stays_1 BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows stay'); END",
    "CREATE TRIGGER audit_stays_2 BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows stay'); END",
    "INSERT INTO meta (name, value) VALUES ('crl_number', '0')",
};
// Version 2. `number` counts them; "" stands for what isn't there yet. A certificate that was issued for a renewal and
// isn't confirmed yet stands in `certificates` under the slot "9A.next" and so on.
constexpr const char* kRenewalTables[] = {
    "CREATE TABLE renewals ("
    " rid TEXT PRIMARY KEY CHECK (length(rid) = 32),"
    " number INTEGER NOT NULL UNIQUE,"
    " token TEXT NOT NULL REFERENCES tokens (serial),"
    " state TEXT NOT NULL,"
    " request TEXT NOT NULL,"
    " remark TEXT NOT NULL,"
    " order_text TEXT NOT NULL,"
    " picture TEXT NOT NULL,"
    " nonce TEXT NOT NULL DEFAULT '',"
    " guid TEXT NOT NULL DEFAULT '',"
    " record TEXT NOT NULL DEFAULT '',"
    " seal TEXT NOT NULL DEFAULT '',"
    " manifest TEXT NOT NULL DEFAULT '',"
    " created_at TEXT NOT NULL,"
    " updated_at TEXT NOT NULL)",
    "CREATE INDEX renewals_by_token ON renewals (token)",
    "CREATE TABLE renewal_keys ("
    " rid TEXT NOT NULL REFERENCES renewals (rid),"
    " slot TEXT NOT NULL,"
    " old_certificate TEXT NOT NULL REFERENCES certificates (serial),"
    " spki TEXT NOT NULL DEFAULT '',"
    " certificate TEXT NOT NULL DEFAULT '',"
    " PRIMARY KEY (rid, slot))",
};
// Version 3: the last audit row, noted beside the rows by every change, so that rows cut off at the end are missed.
constexpr const char* kAuditHead[] = {
    "INSERT INTO meta (name, value) VALUES ('audit_head', "
    "COALESCE((SELECT id || ':' || hash FROM audit ORDER BY id DESC LIMIT 1), ''))",
};
// Version 4: the jobs of a tray.
constexpr const char* kJobTables[] = {
    "CREATE TABLE jobs ("
    " batch TEXT NOT NULL CHECK (length(batch) = 32),"
    " number INTEGER NOT NULL,"
    " line INTEGER NOT NULL,"
    " order_text TEXT NOT NULL,"
    " state TEXT NOT NULL,"
    " token TEXT NOT NULL DEFAULT '',"
    " step TEXT NOT NULL DEFAULT '',"
    " port TEXT NOT NULL DEFAULT '',"
    " message TEXT NOT NULL DEFAULT '',"
    " updated_at TEXT NOT NULL,"
    " PRIMARY KEY (batch, number))",
    "CREATE UNIQUE INDEX jobs_by_token ON jobs (token) WHERE token <> ''",
};

// Version 5: what a key centre gave for a renewal's decryption key.
constexpr const char* kCentreColumns[] = {
    "ALTER TABLE renewal_keys ADD COLUMN centre_key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE renewal_keys ADD COLUMN envelope TEXT NOT NULL DEFAULT ''",
};

}  // namespace

void prepare_schema(soci::session& sql) {
    sql << "PRAGMA foreign_keys = ON";
    sql << "BEGIN IMMEDIATE";
    try {
        int version = 0;
        sql << "PRAGMA user_version", soci::into(version);
        if (version < 0 || version > kVersion) {
            throw ca::CaError(ca::Fault::corrupt,
                              ca::mark("The inventory is of version %1, which this program doesn't "
                                       "know. Nothing was changed."),
                              {std::to_string(version)});
        }
        if (version < 1) {
            for (const char* table : kTables) sql << table;
        }
        if (version < 2) {
            for (const char* table : kRenewalTables) sql << table;
        }
        if (version < 3) {
            for (const char* change : kAuditHead) sql << change;
        }
        if (version < 4) {
            for (const char* table : kJobTables) sql << table;
        }
        if (version < 5) {
            for (const char* change : kCentreColumns) sql << change;
        }
        if (version < kVersion) sql << "PRAGMA user_version = " + std::to_string(kVersion);
        sql << "COMMIT";
    } catch (...) {
        try {
            sql << "ROLLBACK";
        } catch (const std::exception&) {  // the first failure is the one to tell
        }
        throw;
    }
}

}  // namespace sealkey::bench
