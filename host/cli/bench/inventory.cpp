// sealkey-bench inventory list, show, states, audit, move
#include "bench/inventory_move.h"
#include "cli/bench/bench_common.h"

namespace sealkey::cli {

namespace {

struct InventoryOptions {
    BenchOptions bench;
    std::string code;
    std::string url;
    CLI::App* list = nullptr;
    CLI::App* show = nullptr;
    CLI::App* states = nullptr;
    CLI::App* move = nullptr;
};

nlohmann::json json_of(const bench::TokenRow& row) {
    return {{"serial", row.serial},
            {"numeric_serial", row.numeric_serial},
            {"state", bench::name_of(row.state)},
            {"step", row.step},
            {"profile", row.profile},
            {"unified_code", row.unified_code},
            {"login_name", row.login_name},
            {"key_number", row.key_number},
            {"guid", row.guid},
            {"chip_id", row.chip_id},
            {"diversification", row.diversification},
            {"key_version", row.key_version},
            {"last_lock_seen", row.last_seen},
            {"last_lock_closed", row.last_redeemed},
            {"created_at", row.created_at},
            {"updated_at", row.updated_at}};
}

Exit list(Context& context, bench::Inventory& inventory, const std::string& code) {
    auto all = nlohmann::json::array();
    for (const auto& row : code.empty() ? inventory.tokens() : inventory.tokens_of(code)) {
        all.push_back(json_of(row));
        context.out.say(row.serial + "  " + bench::name_of(row.state) + "  " + row.unified_code + "  " +
                        printable(row.login_name) + "  " + row.updated_at +
                        (row.step == "done" ? "" : std::string("  ") + fill(tr("(unfinished: %1)"), {row.step})));
    }
    if (all.empty()) context.out.say(tr("The inventory is empty."));
    context.out.result = {{"keys", all}};
    return Exit::ok;
}

Exit show(Context& context, bench::Inventory& inventory) {
    const auto row = inventory.token(required_serial(context));
    auto result = json_of(row);
    result["order"] = nlohmann::json::parse(row.order_text, nullptr, false);
    context.out.field(tr("Key"), row.serial);
    context.out.field(tr("State"), bench::name_of(row.state));
    context.out.field(tr("Step"), row.step);
    context.out.field(tr("Profile"), row.profile);
    context.out.field(tr("Enterprise"),
                      printable(result["order"].value("enterprise_name", "")) + "  " + row.unified_code);
    context.out.field(tr("Login name"), printable(row.login_name));
    context.out.field(tr("Key number"), fill(tr("%1 of %2"), {std::to_string(row.key_number),
                                                              std::to_string(bench::kKeysPerEnterprise)}));
    result["certificates"] = nlohmann::json::array();
    for (const auto& one : inventory.certificates_of(row.serial)) {
        const bool live = one.revoked_at.empty();
        context.out.field(fill(tr("Certificate %1"), {one.slot}),
                          one.serial + "  " +
                              (live ? fill(tr("valid until %1"), {one.not_after})
                                    : fill(tr("revoked %1 (%2)"), {one.revoked_at, one.reason})));
        const nlohmann::json told = {{"slot", one.slot},
                                     {"serial", one.serial},
                                     {"not_after", one.not_after},
                                     {"revoked_at", one.revoked_at},
                                     {"reason", one.reason}};
        if (one.slot == bench::kDeviceSlot) {
            result["device_certificate"] = told;  // the newest
        } else {
            result["certificates"].push_back(told);
        }
    }
    result["codes"] = nlohmann::json::array();
    for (const auto& event : inventory.lock_events(row.serial)) {
        context.out.field(fill(tr("Lock %1"), {std::to_string(event.counter)}),
                          fill(tr("code given %1 by %2 (%3)"),
                               {event.given_at, printable(event.operator_name), printable(event.request)}) +
                              (event.closed_at.empty() ? "" : "  " + fill(tr("closed %1"), {event.closed_at})));
        result["codes"].push_back({{"counter", event.counter},
                                   {"source", event.source},
                                   {"request", event.request},
                                   {"operator", event.operator_name},
                                   {"second_operator", event.second_operator},
                                   {"given_at", event.given_at},
                                   {"closed_at", event.closed_at}});
    }
    context.out.result = result;
    return Exit::ok;
}

// The table of states, as the program has it.
Exit states(Context& context) {
    context.out.result = {{"states", nlohmann::json::array()}};
    for (const bench::TokenState state : bench::all_states()) {
        auto events = nlohmann::json::object();
        for (const bench::TokenEvent event : bench::all_events()) {
            if (!bench::may_happen(state, event)) continue;
            events[bench::name_of(event)] = bench::name_of(bench::target_of(event));
        }
        context.out.say(std::string(bench::name_of(state)) + ": " + bench::events_after(state));
        context.out.result["states"].push_back(
            {{"state", bench::name_of(state)}, {"live", bench::counts_as_live(state)}, {"events", events}});
    }
    return Exit::ok;
}

Exit audit(Context& context, bench::Inventory& inventory) {
    auto all = nlohmann::json::array();
    for (const auto& row : inventory.audit_rows()) {
        all.push_back({{"id", row.id},
                       {"at", row.at},
                       {"operator", row.operator_name},
                       {"action", row.action},
                       {"subject", row.subject},
                       {"detail", nlohmann::json::parse(row.detail, nullptr, false)},
                       {"hash", row.hash}});
        context.out.say(std::to_string(row.id) + "  " + row.at + "  " + printable(row.operator_name) + "  " +
                        row.action + "  " + printable(row.subject) + "  " + printable(row.detail));
    }
    context.out.result = {{"rows", all}};
    inventory.check_audit_chain();
    context.out.say(fill(tr("%1 rows, and each fits the one before."), {std::to_string(all.size())}));
    return Exit::ok;
}

Exit move(Context& context, ca::Authority& authority, const std::string& url, const std::string& operator_name) {
    if (!authority.settings().inventory.empty()) {
        throw Failed(Exit::not_allowed,
                     fill(tr("The inventory is at %1 already. Nothing was done."), {authority.settings().inventory}));
    }
    bench::check_database_url(url);
    const auto moved = bench::move_inventory(authority.path("inventory.sqlite"), url, ca::serial_of(authority.root()),
                                             [&] { authority.use_inventory(url); });
    bench::Inventory inventory(url, bench::Missing::refuse);
    {
        bench::Inventory::Work work(inventory, operator_name);
        work.audit("move", url, {{"rows", moved.rows}, {"head", bench::text_of(moved.head)}});
        work.commit();
    }
    context.out.say(
        fill(tr("%1 rows are at %2 now, and the audit trail fits. inventory.sqlite takes no change any more: "
                "keep it as the copy of this moment."),
             {std::to_string(moved.rows), url}));
    context.out.result = {{"inventory", url}, {"rows", moved.rows}, {"head", bench::text_of(moved.head)}};
    return Exit::ok;
}

}  // namespace

Run define_inventory(CLI::App& command) {
    auto options = std::make_shared<InventoryOptions>();
    command.require_subcommand(1);
    options->bench.add_to(command, false);
    options->list = command.add_subcommand("list", tr("All keys, or those of one enterprise"));
    options->show = command.add_subcommand("show", tr("One key with its certificates and codes: --serial"));
    options->states = command.add_subcommand("states", tr("The states of a key, and what may happen to it in each"));
    CLI::App* audit_rows = command.add_subcommand("audit", tr("The audit trail, checked"));
    options->move = command.add_subcommand("move", tr("Move the inventory from its file to a PostgreSQL database"));
    options->move
        ->add_option("--to", options->url, tr("Where the inventory goes: postgresql://USER@HOST:PORT/DATABASE"))
        ->required()
        ->type_name("URL");
    for (CLI::App* sub : {options->list, options->show, options->states, audit_rows, options->move}) {
        sub->fallthrough();
        sub->group(tr("Commands"));
    }
    options->list->add_option("--code", options->code, tr("Unified social credit code of the enterprise"))
        ->type_name(tr("TEXT"));
    return explained([options](Context& context) {
        if (options->states->parsed()) return states(context);
        ca::Authority authority(options->bench.directory());
        if (options->move->parsed()) return move(context, authority, options->url, options->bench.operator_name());
        const auto inventory = options->bench.inventory(authority);
        if (options->list->parsed()) return list(context, *inventory, options->code);
        if (options->show->parsed()) return show(context, *inventory);
        return audit(context, *inventory);
    });
}

}  // namespace sealkey::cli
