#include "bench/inventory_schema.h"

#include "ca/error.h"

namespace sealkey::bench {

namespace {

constexpr int kVersion = 6;

#define SEALKEY_ORGANISATION                                                                                     \
    "CASE length(unified_code) WHEN 18 THEN substr(unified_code, 9, 9) WHEN 13 THEN substr(unified_code, 5, 9) " \
    "ELSE unified_code END"

enum class For { both, sqlite, postgresql };
struct Change {
    int version;  // that it belongs to
    For which;
    const char* text;
};

// In this order. Bytes are kept as hexadecimal text, and no column may be NULL: "" means that there is none. Version 2:
// `number` counts the renewals; a certificate that was issued for one and isn't confirmed yet stands in `certificates`
// under the slot "9A.next" and so on. Version 3: the last audit row, noted beside the rows by every change, so that
// rows cut off at the end are missed. Version 4: the jobs of a tray. Version 5: what a key centre gave for a renewal's
// decryption key; the certificates are counted by the program. Version 6: the keys of an organisation are found
// whatever code stands in them; a key never has two live certificates for a slot, whoever writes them.
constexpr Change kChanges[] = {
    {1, For::both, "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"},
    {1, For::both,
     "CREATE TABLE tokens ("
     " id BIGINT PRIMARY KEY,"
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
     " updated_at TEXT NOT NULL)"},
    {1, For::both, "CREATE INDEX tokens_by_enterprise ON tokens (unified_code)"},
    {1, For::both,
     "CREATE TABLE login_names (name TEXT PRIMARY KEY, unified_code TEXT NOT NULL, taken_at TEXT NOT NULL)"},
    {1, For::both,
     "CREATE TABLE certificates ("
     " serial TEXT PRIMARY KEY,"
     " token TEXT NOT NULL REFERENCES tokens (serial),"
     " slot TEXT NOT NULL,"
     " der TEXT NOT NULL,"
     " spki TEXT NOT NULL UNIQUE,"
     " not_after TEXT NOT NULL,"
     " revoked_at TEXT NOT NULL DEFAULT '',"
     " reason TEXT NOT NULL DEFAULT '')"},
    {1, For::both, "CREATE INDEX certificates_by_token ON certificates (token)"},
    {1, For::both,
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
     " PRIMARY KEY (token, counter, salt))"},
    {1, For::both,
     "CREATE TABLE audit ("
     " id BIGINT PRIMARY KEY,"
     " at TEXT NOT NULL,"
     " operator TEXT NOT NULL,"
     " action TEXT NOT NULL,"
     " subject TEXT NOT NULL,"
     " detail TEXT NOT NULL,"
     " previous TEXT NOT NULL,"
     " hash TEXT NOT NULL UNIQUE)"},
    {1, For::sqlite,
     "CREATE TRIGGER audit_stays_1 BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows stay'); END"},
    {1, For::sqlite,
     "CREATE TRIGGER audit_stays_2 BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows stay'); END"},
    {1, For::postgresql,
     "CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS "
     "'BEGIN RAISE EXCEPTION ''audit rows stay''; END'"},
    {1, For::postgresql,
     "CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
     "FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()"},
    {1, For::both, "INSERT INTO meta (name, value) VALUES ('crl_number', '0')"},
    {2, For::both,
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
     " updated_at TEXT NOT NULL)"},
    {2, For::both, "CREATE INDEX renewals_by_token ON renewals (token)"},
    {2, For::both,
     "CREATE TABLE renewal_keys ("
     " rid TEXT NOT NULL REFERENCES renewals (rid),"
     " slot TEXT NOT NULL,"
     " old_certificate TEXT NOT NULL REFERENCES certificates (serial),"
     " spki TEXT NOT NULL DEFAULT '',"
     " certificate TEXT NOT NULL DEFAULT '',"
     " PRIMARY KEY (rid, slot))"},
    {3, For::both,
     "INSERT INTO meta (name, value) VALUES ('audit_head', "
     "COALESCE((SELECT id || ':' || hash FROM audit ORDER BY id DESC LIMIT 1), ''))"},
    {4, For::both,
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
     " PRIMARY KEY (batch, number))"},
    {4, For::both, "CREATE UNIQUE INDEX jobs_by_token ON jobs (token) WHERE token <> ''"},
    {5, For::both, "ALTER TABLE renewal_keys ADD COLUMN centre_key TEXT NOT NULL DEFAULT ''"},
    {5, For::both, "ALTER TABLE renewal_keys ADD COLUMN envelope TEXT NOT NULL DEFAULT ''"},
    {5, For::both, "ALTER TABLE certificates ADD COLUMN number BIGINT NOT NULL DEFAULT 0"},
    {5, For::sqlite, "UPDATE certificates SET number = rowid"},
    {5, For::both, "CREATE UNIQUE INDEX certificates_by_number ON certificates (number)"},
    {6, For::both, "DROP INDEX tokens_by_enterprise"},
    {6, For::both, "CREATE INDEX tokens_by_organisation ON tokens ((" SEALKEY_ORGANISATION "))"},
    {6, For::both, "CREATE UNIQUE INDEX live_certificates ON certificates (token, slot) WHERE revoked_at = ''"},
};

// Which of the two the key uses nobody can tell from here.
void require_one_live_certificate(Database& database) {
    std::string token;
    std::string slot;
    soci::session& sql = database.session();
    sql << "SELECT token, slot FROM certificates WHERE revoked_at = '' GROUP BY token, slot HAVING COUNT(*) > 1 "
           "ORDER BY token, slot LIMIT 1",
        soci::into(token), soci::into(slot);
    if (!sql.got_data()) return;
    throw ca::CaError(ca::Fault::corrupt,
                      ca::mark("Key %1 has more than one valid certificate for %2: revoke it with the version of this "
                               "program that its inventory is of. Nothing was changed."),
                      {token, slot});
}

}  // namespace

const char* const kOrganisation = SEALKEY_ORGANISATION;

void prepare_schema(Database& database, Missing missing) {
    // Nothing waits for a writer unless there is something to be done.
    int version = database.schema_version();
    if (version == kVersion) return;
    database.begin_schema();
    try {
        version = database.schema_version();
        if (version < 0 || version > kVersion) {
            throw ca::CaError(ca::Fault::corrupt,
                              ca::mark("The inventory is of version %1, which this program doesn't "
                                       "know. Nothing was changed."),
                              {std::to_string(version)});
        }
        if (version == 0 && missing == Missing::refuse) {
            throw ca::CaError(ca::Fault::file, ca::mark("There is no inventory in this database: its CA was made with "
                                                        "another one. Nothing was changed."));
        }
        if (version != 0) require_one_live_certificate(database);
        const For ours = database.kind() == DatabaseKind::sqlite ? For::sqlite : For::postgresql;
        for (const Change& change : kChanges) {
            const bool wanted = change.version > version && (change.which == For::both || change.which == ours);
            if (wanted) database.session() << database.in_words(change.text);
        }
        if (version < kVersion) database.set_schema_version(kVersion);
        database.commit();
    } catch (...) {
        database.rollback();
        throw;
    }
}

}  // namespace sealkey::bench
