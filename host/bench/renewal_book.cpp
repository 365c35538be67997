#include "bench/renewal_book.h"

#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using soci::into;
using soci::use;

constexpr char kColumns[] =
    "rid, number, token, state, request, remark, order_text, picture, nonce, guid, record, seal, manifest, created_at, "
    "updated_at";

}  // namespace

std::string next_slot(const std::string& slot) { return slot + ".next"; }

std::vector<RenewalRow> RenewalBook::select(const std::string& where, const std::string& value) {
    RenewalRow row;
    std::string state;
    soci::statement query(inventory_.sql());
    query.exchange(into(row.rid));
    query.exchange(into(row.number));
    query.exchange(into(row.token));
    query.exchange(into(state));
    for (std::string* text : {&row.request, &row.remark, &row.order_text, &row.picture, &row.nonce, &row.guid,
                              &row.record, &row.seal, &row.manifest, &row.created_at, &row.updated_at}) {
        query.exchange(into(*text));
    }
    std::string text = std::string("SELECT ") + kColumns + " FROM renewals";
    if (!where.empty()) {
        text += " WHERE " + where + " = :value";
        query.exchange(use(value));
    }
    query.alloc();
    query.prepare(text + " ORDER BY number");
    query.define_and_bind();
    query.execute();
    std::vector<RenewalRow> rows;
    while (query.fetch()) {
        row.state = ca::parse_renewal_state(state);
        rows.push_back(row);
    }
    for (RenewalRow& one : rows) {
        RenewalKeyRow key;
        soci::statement keys =
            (inventory_.sql().prepare << "SELECT slot, old_certificate, spki, certificate, centre_key, envelope FROM "
                                         "renewal_keys WHERE rid = :r ORDER BY slot",
             into(key.slot), into(key.old_certificate), into(key.spki), into(key.certificate), into(key.centre_key),
             into(key.envelope), use(one.rid));
        keys.execute();
        while (keys.fetch()) one.keys.push_back(key);
    }
    return rows;
}

std::vector<RenewalRow> RenewalBook::all() { return select("", ""); }

RenewalRow RenewalBook::renewal(const std::string& rid) {
    auto rows = select("rid", rid);
    if (rows.empty()) throw CaError(Fault::unknown, mark("There is no renewal %1."), {rid});
    return rows[0];
}

std::optional<RenewalRow> RenewalBook::last_of(const std::string& token) {
    auto rows = select("token", token);
    return rows.empty() ? std::nullopt : std::optional(rows.back());
}

void RenewalBook::add(Inventory::Work& work, RenewalRow& row) {
    auto& sql = inventory_.sql();
    sql << "SELECT COALESCE(MAX(number), 0) + 1 FROM renewals", into(row.number);
    row.created_at = row.updated_at = ca::iso_time(ca::now());
    const std::string state = name_of(row.state);
    sql << "INSERT INTO renewals (rid, number, token, state, request, remark, order_text, picture, nonce, created_at, "
           "updated_at) VALUES (:r, :n, :t, :s, :q, :m, :o, :p, :e, :c, :u)",
        use(row.rid), use(row.number), use(row.token), use(state), use(row.request), use(row.remark),
        use(row.order_text), use(row.picture), use(row.nonce), use(row.created_at), use(row.updated_at);
    nlohmann::json slots = nlohmann::json::array();
    for (const RenewalKeyRow& key : row.keys) {
        sql << "INSERT INTO renewal_keys (rid, slot, old_certificate) VALUES (:r, :s, :o)", use(row.rid), use(key.slot),
            use(key.old_certificate);
        slots.push_back(key.slot);
    }
    work.audit("renewal", row.token,
               {{"rid", row.rid},
                {"state", state},
                {"request", row.request},
                {"remark", row.remark},
                {"keys", slots},
                {"order", nlohmann::json::parse(row.order_text)}});
}

void RenewalBook::advance(Inventory::Work& work, RenewalRow& row, ca::RenewalState state,
                          const nlohmann::json& detail) {
    if (!ca::may_follow(row.state, state)) {
        throw CaError(Fault::policy, mark("Renewal %1 is %2 and can't become %3."),
                      {row.rid, ca::name_of(row.state), ca::name_of(state)});
    }
    write(work, row, state, detail);
}

void RenewalBook::end_open(Inventory::Work& work, const std::string& token, TokenState end) {
    auto row = last_of(token);
    if (!row || !ca::is_open(row->state) || row->state == ca::RenewalState::confirmed) return;
    row->remark = std::string("The key is ") + name_of(end) + ".";
    write(work, *row, ca::RenewalState::refused, {{"remark", row->remark}});
}

void RenewalBook::end_proven(Inventory::Work& work, RenewalRow& row, const nlohmann::json& detail) {
    write(work, row, ca::RenewalState::refused, detail);
    for (const RenewalKeyRow& key : row.keys) {
        work.revoke_certificate(key.certificate, "cessationOfOperation", ca::now());
    }
}

void RenewalBook::write(Inventory::Work& work, RenewalRow& row, ca::RenewalState state, const nlohmann::json& detail) {
    const std::string from = ca::name_of(row.state);
    const std::string to = ca::name_of(state);
    auto& sql = inventory_.sql();
    row.updated_at = ca::iso_time(ca::now());
    sql << "UPDATE renewals SET state = :s, remark = :r, nonce = :n, guid = :g, record = :c, seal = :l, manifest = :m, "
           "updated_at = :u WHERE rid = :i",
        use(to), use(row.remark), use(row.nonce), use(row.guid), use(row.record), use(row.seal), use(row.manifest),
        use(row.updated_at), use(row.rid);
    for (const RenewalKeyRow& key : row.keys) {
        sql << "UPDATE renewal_keys SET spki = :k, certificate = :c WHERE rid = :r AND slot = :s", use(key.spki),
            use(key.certificate), use(row.rid), use(key.slot);
    }
    row.state = state;
    work.audit("renewal", row.token, {{"rid", row.rid}, {"from", from}, {"to", to}, {"detail", detail}});
}

void RenewalBook::keep_envelope(Inventory::Work& work, const RenewalRow& row, const RenewalKeyRow& key) {
    inventory_.sql() << "UPDATE renewal_keys SET centre_key = :k, envelope = :e WHERE rid = :r AND slot = :s",
        use(key.centre_key), use(key.envelope), use(row.rid), use(key.slot);
    work.audit("key-centre", row.token,
               {{"rid", row.rid}, {"slot", key.slot}, {"key_sha256", ca::sha256_hex(ca::unhex(key.centre_key))}});
}

void RenewalBook::take_over(Inventory::Work& work, const RenewalRow& row) {
    auto& sql = inventory_.sql();
    for (const RenewalKeyRow& key : row.keys) {
        work.revoke_certificate(key.old_certificate, "superseded", ca::now());
        sql << "UPDATE certificates SET slot = :s WHERE serial = :c", use(key.slot), use(key.certificate);
    }
    const nlohmann::json order = nlohmann::json::parse(row.order_text);
    const std::string code = order.at("unified_code");
    sql << "UPDATE tokens SET guid = :g, record = :r, order_text = :o, unified_code = :c WHERE serial = :s",
        use(row.guid), use(row.record), use(row.order_text), use(code), use(row.token);
    if (!row.seal.empty()) sql << "UPDATE tokens SET seal = :l WHERE serial = :s", use(row.seal), use(row.token);
    if (!row.picture.empty()) {
        const std::string hash = ca::sha256_hex(ca::unhex(row.picture));
        sql << "UPDATE tokens SET picture_hash = :h WHERE serial = :s", use(hash), use(row.token);
    }
    inventory_.touch(row.token);
    work.audit("contents", row.token,
               {{"rid", row.rid},
                {"guid", row.guid},
                {"record_sha256", ca::sha256_hex(ca::unhex(row.record))},
                {"seal_sha256", row.seal.empty() ? "" : ca::sha256_hex(ca::unhex(row.seal))}});
}

}  // namespace sealkey::bench
