#include "bench/inventory.h"

#include <algorithm>
#include <cctype>

#include "bench/parcel.h"
#include "bench/renewal_book.h"
#include "ca/enterprise_codes.h"
#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using soci::into;
using soci::use;

constexpr char kTokenColumns[] =
    "id, serial, numeric_serial, chip_id, guid, diversification, key_version, profile, state, unified_code, "
    "login_name, key_number, order_text, picture_hash, step, seal, record, salt, last_seen, last_redeemed, created_at, "
    "updated_at";
constexpr char kCertificateColumns[] = "serial, token, slot, der, spki, not_after, revoked_at, reason";

std::string random_hex(std::size_t bytes) {
    ca::ByteVector value(bytes);
    ca::random_bytes(value);
    return ca::hex(value);
}

// RFC 4122 version 4, so that no two tokens share one, whoever made them.
std::string random_guid() {
    ca::ByteVector value(16);
    ca::random_bytes(value);
    value[6] = static_cast<std::uint8_t>((value[6] & 0x0F) | 0x40);
    value[8] = static_cast<std::uint8_t>((value[8] & 0x3F) | 0x80);
    return ca::hex(value);
}

int this_year() { return std::stoi(ca::iso_time(ca::now()).substr(0, 4)); }

}  // namespace

Inventory::Inventory(const std::string& place, Missing missing) try : database_(place) {
    prepare_schema(database_, missing);
} catch (const soci::soci_error& error) {
    throw CaError(Fault::corrupt, mark("The inventory %1 can't be used: %2."), {place, said_by(error)});
}

// ---- reading -----------------------------------------------------------------------------------------------------

std::vector<TokenRow> Inventory::select_tokens(const std::string& where, const std::string& value) {
    const Metered metered(Part::database);
    TokenRow row;
    std::string state;
    soci::statement query(sql());
    query.exchange(into(row.id));
    query.exchange(into(row.serial));
    query.exchange(into(row.numeric_serial));
    query.exchange(into(row.chip_id));
    query.exchange(into(row.guid));
    query.exchange(into(row.diversification));
    query.exchange(into(row.key_version));
    query.exchange(into(row.profile));
    query.exchange(into(state));
    query.exchange(into(row.unified_code));
    query.exchange(into(row.login_name));
    query.exchange(into(row.key_number));
    query.exchange(into(row.order_text));
    query.exchange(into(row.picture_hash));
    query.exchange(into(row.step));
    query.exchange(into(row.seal));
    query.exchange(into(row.record));
    query.exchange(into(row.salt));
    query.exchange(into(row.last_seen));
    query.exchange(into(row.last_redeemed));
    query.exchange(into(row.created_at));
    query.exchange(into(row.updated_at));
    std::string text = std::string("SELECT ") + kTokenColumns + " FROM tokens";
    if (!where.empty()) {
        text += " WHERE " + where + " = :value";
        query.exchange(use(value));
    }
    query.alloc();
    query.prepare(text + " ORDER BY id");
    query.define_and_bind();
    query.execute();
    std::vector<TokenRow> rows;
    while (query.fetch()) {
        row.state = parse_state(state);
        rows.push_back(row);
    }
    return rows;
}

std::vector<TokenRow> Inventory::tokens() { return select_tokens("", ""); }
std::vector<TokenRow> Inventory::tokens_of(const std::string& code) {
    return select_tokens(kOrganisation, ca::organisation_of(code));
}

std::optional<TokenRow> Inventory::find_token(const std::string& serial) {
    auto rows = select_tokens("serial", serial);
    return rows.empty() ? std::nullopt : std::optional(rows[0]);
}

std::optional<TokenRow> Inventory::find_chip(const std::string& chip_id) {
    auto rows = select_tokens("chip_id", chip_id);
    return rows.empty() ? std::nullopt : std::optional(rows[0]);
}

TokenRow Inventory::token(const std::string& serial) {
    auto row = find_token(serial);
    if (!row) throw CaError(Fault::unknown, mark("The inventory has no key %1."), {serial});
    return *row;
}

std::vector<CertificateRow> Inventory::certificates_of(const std::string& serial) {
    const Metered metered(Part::database);
    CertificateRow row;
    soci::statement query = (sql().prepare << std::string("SELECT ") + kCertificateColumns +
                                                  " FROM certificates WHERE token = :t ORDER BY number",
                             into(row.serial), into(row.token), into(row.slot), into(row.der), into(row.spki),
                             into(row.not_after), into(row.revoked_at), into(row.reason), use(serial));
    query.execute();
    std::vector<CertificateRow> rows;
    while (query.fetch()) rows.push_back(row);
    return rows;
}

std::optional<CertificateRow> Inventory::live_certificate(const std::string& serial, const std::string& slot) {
    std::optional<CertificateRow> found;
    for (const auto& row : certificates_of(serial)) {
        if (row.slot == slot && row.revoked_at.empty()) found = row;
    }
    return found;
}

std::vector<ca::Revoked> Inventory::revoked() {
    ca::Revoked one;
    std::string when;
    soci::statement query = (sql().prepare << "SELECT serial, revoked_at, reason FROM certificates "
                                              "WHERE revoked_at <> '' AND slot <> 'F9' ORDER BY number",
                             into(one.serial), into(when), into(one.reason));
    query.execute();
    std::vector<ca::Revoked> all;
    while (query.fetch()) {
        one.when = ca::parse_iso_time(when);
        all.push_back(one);
    }
    return all;
}

std::optional<CertificateRow> Inventory::find_certificate(const std::string& certificate_serial) {
    std::string token;
    soci::session& session = sql();
    session << "SELECT token FROM certificates WHERE serial = :s", into(token), use(certificate_serial);
    if (!session.got_data()) return std::nullopt;
    for (const auto& row : certificates_of(token)) {
        if (row.serial == certificate_serial) return row;
    }
    return std::nullopt;
}

bool Inventory::is_revoked(const std::string& certificate_serial) {
    int count = 0;
    sql() << "SELECT COUNT(*) FROM certificates WHERE serial = :s AND revoked_at <> ''", into(count),
        use(certificate_serial);
    return count != 0;
}

std::vector<LockEventRow> Inventory::lock_events(const std::string& serial) {
    LockEventRow row;
    soci::statement query =
        (sql().prepare
             << "SELECT token, counter, salt, source, request, operator, second_operator, given_at, closed_at "
                "FROM lock_events WHERE token = :t ORDER BY counter, given_at",
         into(row.token), into(row.counter), into(row.salt), into(row.source), into(row.request),
         into(row.operator_name), into(row.second_operator), into(row.given_at), into(row.closed_at), use(serial));
    query.execute();
    std::vector<LockEventRow> rows;
    while (query.fetch()) rows.push_back(row);
    return rows;
}

std::vector<AuditRow> Inventory::audit_rows() {
    AuditRow row;
    soci::statement query =
        (sql().prepare << "SELECT id, at, operator, action, subject, detail, previous, hash FROM audit ORDER BY id",
         into(row.id), into(row.at), into(row.operator_name), into(row.action), into(row.subject), into(row.detail),
         into(row.previous), into(row.hash));
    query.execute();
    std::vector<AuditRow> rows;
    while (query.fetch()) rows.push_back(row);
    return rows;
}

bool Inventory::list_is_behind() {
    int count = 0;
    sql() << "SELECT COUNT(*) FROM audit WHERE action IN ('revoke', 'hold', 'release') AND id > "
             "(SELECT COALESCE(MAX(id), 0) FROM audit WHERE action = 'crl')",
        into(count);
    return count != 0;
}

AuditHead Inventory::audit_head() {
    std::string text;
    sql() << "SELECT value FROM meta WHERE name = 'audit_head'", into(text);
    return text.empty() ? AuditHead{} : parse_audit_head(text);
}

std::string Inventory::authority() {
    std::string value;
    sql() << "SELECT value FROM meta WHERE name = 'authority'", into(value);
    return value;
}

void Inventory::check_audit_chain(const std::optional<AuditHead>& noted) {
    database_.begin_reading();
    std::vector<AuditRow> rows;
    AuditHead end;
    try {
        rows = audit_rows();
        end = audit_head();
        database_.commit();
    } catch (...) {
        database_.rollback();
        throw;
    }
    check_chain(rows, end, noted);
}

ca::LockHistory Inventory::history_of(const TokenRow& row) const {
    return {row.serial, static_cast<std::uint8_t>(row.key_version), static_cast<std::uint16_t>(row.last_seen),
            static_cast<std::uint16_t>(row.last_redeemed)};
}

void Inventory::touch(const std::string& serial) {
    const std::string at = ca::iso_time(ca::now());
    sql() << "UPDATE tokens SET updated_at = :a WHERE serial = :s", use(at), use(serial);
}

std::uint64_t Inventory::crl_number() {
    std::string value;
    sql() << "SELECT value FROM meta WHERE name = 'crl_number'", into(value);
    return std::stoull(value);
}

// ---- changing ----------------------------------------------------------------------------------------------------

// A second bench waits here, so that what a policy was checked against still holds when the row is written.
Inventory::Work::Work(Inventory& inventory, std::string operator_name)
    : inventory_(inventory), operator_(std::move(operator_name)) {
    inventory_.database_.begin_writing();
}

Inventory::Work::~Work() { inventory_.database_.rollback(); }

void Inventory::Work::commit() {
    inventory_.database_.commit();
    metered_.end();
}

void Inventory::Work::audit(const std::string& action, const std::string& subject, const nlohmann::json& detail) {
    AuditRow row;
    soci::indicator present = soci::i_null;
    inventory_.sql() << "SELECT hash FROM audit ORDER BY id DESC LIMIT 1", into(row.previous, present);
    if (present != soci::i_ok) row.previous.clear();
    inventory_.sql() << "SELECT COALESCE(MAX(id), 0) + 1 FROM audit", into(row.id);
    row.at = ca::iso_time(ca::now());
    row.operator_name = operator_;
    row.action = action;
    row.subject = subject;
    row.detail = detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    row.hash = chain_hash(row);
    inventory_.sql() << "INSERT INTO audit (id, at, operator, action, subject, detail, previous, hash) "
                        "VALUES (:i, :a, :o, :c, :s, :d, :p, :h)",
        use(row.id), use(row.at), use(row.operator_name), use(row.action), use(row.subject), use(row.detail),
        use(row.previous), use(row.hash);
    const std::string head = text_of(AuditHead{row.id, row.hash});
    inventory_.sql() << "UPDATE meta SET value = :v WHERE name = 'audit_head'", use(head);
}

void Inventory::Work::belong_to(const std::string& authority) {
    if (!inventory_.authority().empty()) {
        throw CaError(Fault::exists, mark("The database has the inventory of another CA: nothing was changed."));
    }
    inventory_.sql() << "INSERT INTO meta (name, value) VALUES ('authority', :v)", use(authority);
}

TokenRow Inventory::Work::add_token(const std::string& chip_id, const Order& order, const std::string& picture_hash,
                                    int key_number, int key_version) {
    long long next = 0;
    inventory_.sql() << "SELECT COALESCE(MAX(id), 0) + 1 FROM tokens", into(next);
    TokenRow row;
    row.id = next;
    row.serial = ca::make_token_serial(this_year(), static_cast<std::uint32_t>(next));
    row.numeric_serial = 10'000'000 + next;
    row.chip_id = chip_id;
    row.guid = random_guid();
    row.diversification = random_hex(10);
    row.key_version = key_version;
    row.profile = order.profile;
    row.unified_code = order.unified_code;
    row.login_name = order.login_name;
    row.key_number = key_number;
    row.order_text = json_of(order).dump();
    row.picture_hash = picture_hash;
    row.step = "admitted";
    row.created_at = row.updated_at = ca::iso_time(ca::now());
    const std::string state = name_of(row.state);
    inventory_.sql() << "INSERT INTO tokens (id, serial, numeric_serial, chip_id, guid, diversification, key_version, "
                        "profile, state, unified_code, login_name, key_number, order_text, picture_hash, step, "
                        "created_at, updated_at) VALUES (:i, :s, :n, :c, :g, :d, :k, :p, :st, :u, :l, :kn, :o, :ph, "
                        ":sp, :ca, :ua)",
        use(row.id), use(row.serial), use(row.numeric_serial), use(row.chip_id), use(row.guid),
        use(row.diversification), use(row.key_version), use(row.profile), use(state), use(row.unified_code),
        use(row.login_name), use(row.key_number), use(row.order_text), use(row.picture_hash), use(row.step),
        use(row.created_at), use(row.updated_at);
    audit(
        "admit", row.serial,
        {{"order", json_of(order)}, {"chip_id", chip_id}, {"key_number", key_number}, {"login_name", row.login_name}});
    return row;
}

void Inventory::Work::set_state(const std::string& serial, TokenState state, const std::string& why) {
    move(serial, state, why, may_follow);
}

void Inventory::Work::set_back(const std::string& serial, TokenState state, const std::string& why) {
    move(serial, state, why, may_return);
}

void Inventory::Work::move(const std::string& serial, TokenState state, const std::string& why,
                           bool (*allowed)(TokenState from, TokenState to)) {
    const TokenRow row = inventory_.token(serial);
    if (!allowed(row.state, state)) {
        throw CaError(Fault::policy, mark("Key %1 is %2 and can't become %3. What may happen to it: %4."),
                      {serial, name_of(row.state), name_of(state), events_after(row.state)});
    }
    const std::string name = name_of(state);
    inventory_.sql() << "UPDATE tokens SET state = :v WHERE serial = :s", use(name), use(serial);
    inventory_.touch(serial);
    audit("state", serial, {{"from", name_of(row.state)}, {"to", name}, {"why", why}});
    if (!counts_as_live(state)) RenewalBook(inventory_).end_open(*this, serial, state);
}

void Inventory::Work::set_step(const std::string& serial, const std::string& step) {
    inventory_.sql() << "UPDATE tokens SET step = :v WHERE serial = :s", use(step), use(serial);
    inventory_.touch(serial);
    audit("step", serial, {{"step", step}});
}

void Inventory::Work::set_contents(const std::string& serial, const std::string& record_hex,
                                   const std::string& seal_hex) {
    inventory_.sql() << "UPDATE tokens SET record = :r, seal = :v WHERE serial = :s", use(record_hex), use(seal_hex),
        use(serial);
    inventory_.touch(serial);
    audit("contents", serial,
          {{"record_sha256", ca::sha256_hex(ca::unhex(record_hex))},
           {"seal_sha256", ca::sha256_hex(ca::unhex(seal_hex))}});
}

void Inventory::Work::set_delivery_salt(const std::string& serial, std::uint32_t salt) {
    const int value = static_cast<int>(salt);
    inventory_.sql() << "UPDATE tokens SET salt = :v, last_seen = 1 WHERE serial = :s", use(value), use(serial);
    inventory_.touch(serial);
}

void Inventory::Work::take_login_name(const std::string& name, const std::string& unified_code) {
    int taken = 0;
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    inventory_.sql() << "SELECT COUNT(*) FROM login_names WHERE lower(name) = :n", into(taken), use(lower);
    if (taken != 0) {
        throw CaError(Fault::policy, mark("The login name %1 was issued before: choose one that no key ever had."),
                      {name});
    }
    const std::string at = ca::iso_time(ca::now());
    inventory_.sql() << "INSERT INTO login_names (name, unified_code, taken_at) VALUES (:n, :u, :a)", use(name),
        use(unified_code), use(at);
}

void Inventory::Work::free_login_name(const std::string& name) {
    inventory_.sql() << "DELETE FROM login_names WHERE name = :n", use(name);
}

void Inventory::Work::add_certificate(const CertificateRow& row) {
    const TokenRow owner = inventory_.token(row.token);
    if (owner.step == kGivenUp || !takes_certificates(owner.state)) {
        throw CaError(Fault::policy, mark("Key %1 is %2: no certificate is made for it."),
                      {row.token, owner.step == kGivenUp ? kGivenUp : name_of(owner.state)});
    }
    if (inventory_.live_certificate(row.token, row.slot)) {
        throw CaError(Fault::policy, mark("Key %1 has a valid certificate for %2 already."), {row.token, row.slot});
    }
    int known = 0;
    inventory_.sql() << "SELECT COUNT(*) FROM certificates WHERE spki = :k", into(known), use(row.spki);
    if (known != 0) {
        throw CaError(Fault::policy,
                      mark("This public key has a certificate already: a key is made for one certificate."));
    }
    inventory_.sql() << "INSERT INTO certificates (serial, token, slot, der, spki, not_after, number) VALUES (:s, :t, "
                        ":l, :d, :k, :n, "
                        "(SELECT COALESCE(MAX(number), 0) + 1 FROM certificates))",
        use(row.serial), use(row.token), use(row.slot), use(row.der), use(row.spki), use(row.not_after);
    audit("certificate", row.token, {{"slot", row.slot}, {"serial", row.serial}, {"spki_sha256", row.spki}});
}

void Inventory::Work::revoke_certificate(const std::string& serial, const std::string& reason, ca::Time when) {
    ca::check_revocation_reason(reason);
    const std::string at = ca::iso_time(when);
    std::string token;
    inventory_.sql() << "SELECT token FROM certificates WHERE serial = :s", into(token), use(serial);
    inventory_.sql()
        << "UPDATE certificates SET revoked_at = CASE revoked_at WHEN '' THEN :a ELSE revoked_at END, reason = :r "
           "WHERE serial = :s AND (revoked_at = '' OR reason = 'certificateHold')",
        use(at), use(reason), use(serial);
    audit("revoke", token, {{"serial", serial}, {"reason", reason}, {"at", at}});
}

int Inventory::Work::revoke_certificates(const std::string& serial, const std::string& reason, ca::Time when) {
    int n = 0;
    for (const auto& row : inventory_.certificates_of(serial)) {
        if (!row.revoked_at.empty() && row.reason != ca::kHold) continue;
        revoke_certificate(row.serial, reason, when);
        if (row.slot != kDeviceSlot) ++n;
    }
    return n;
}

int Inventory::Work::hold_certificates(const std::string& serial, ca::Time when) {
    const std::string at = ca::iso_time(when);
    int n = 0;
    for (const auto& row : inventory_.certificates_of(serial)) {
        if (!row.revoked_at.empty() || row.slot == kDeviceSlot) continue;
        inventory_.sql() << "UPDATE certificates SET revoked_at = :a, reason = 'certificateHold' WHERE serial = :s",
            use(at), use(row.serial);
        audit("hold", serial, {{"serial", row.serial}, {"at", at}});
        ++n;
    }
    return n;
}

int Inventory::Work::release_certificates(const std::string& serial) {
    int n = 0;
    for (const auto& row : inventory_.certificates_of(serial)) {
        if (row.reason != ca::kHold) continue;
        inventory_.sql() << "UPDATE certificates SET revoked_at = '', reason = '' WHERE serial = :s", use(row.serial);
        audit("release", serial, {{"serial", row.serial}, {"held_since", row.revoked_at}});
        ++n;
    }
    return n;
}

std::uint64_t Inventory::Work::next_crl_number() {
    inventory_.sql() << "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'crl_number'";
    return inventory_.crl_number();
}

void Inventory::Work::note_seen(const std::string& serial, std::uint16_t counter) {
    const int value = counter;
    inventory_.sql() << "UPDATE tokens SET last_seen = :v WHERE serial = :s AND last_seen < :w", use(value),
        use(serial), use(value);
    inventory_.touch(serial);
}

void Inventory::Work::note_code(const LockEventRow& row) {
    const std::string at = ca::iso_time(ca::now());
    inventory_.sql() << "INSERT INTO lock_events (token, counter, salt, source, request, operator, second_operator, "
                        "given_at) VALUES (:t, :c, :a, :o, :r, :p, :q, :g) ON CONFLICT DO NOTHING",
        use(row.token), use(row.counter), use(row.salt), use(row.source), use(row.request), use(operator_),
        use(row.second_operator), use(at);
    audit("code", row.token,
          {{"counter", row.counter},
           {"salt", row.salt},
           {"source", row.source},
           {"request", row.request},
           {"second_operator", row.second_operator}});
}

void Inventory::Work::note_redeemed(const std::string& serial, std::uint16_t counter) {
    const int value = counter;
    const std::string at = ca::iso_time(ca::now());
    inventory_.sql() << "UPDATE tokens SET last_redeemed = :v WHERE serial = :s AND last_redeemed < :w", use(value),
        use(serial), use(value);
    inventory_.sql() << "UPDATE tokens SET last_seen = :v WHERE serial = :s AND last_seen < :w", use(value),
        use(serial), use(value);
    inventory_.sql() << "UPDATE lock_events SET closed_at = :a WHERE token = :s AND counter <= :c AND closed_at = ''",
        use(at), use(serial), use(value);
    inventory_.touch(serial);
    audit("redeemed", serial, {{"counter", value}});
}

}  // namespace sealkey::bench
