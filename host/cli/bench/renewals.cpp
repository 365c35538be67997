// sealkey-bench renewals list, approve, refuse, end, confirm, serve
#include "bench/renewal_end.h"
#include "bench/renewal_server.h"
#include "cli/bench/bench_common.h"
#include "cli/bench/serving.h"

namespace sealkey::cli {

namespace {

struct RenewalsOptions {
    BenchOptions bench;
    bench::RenewalOrder order;
    std::string slots;
    std::string seal_image;
    std::string remark;
    std::string certificate;
    std::string listen = "127.0.0.1";
    int port = 0;
    CLI::App* list = nullptr;
    CLI::App* approve = nullptr;
    CLI::App* refuse = nullptr;
    CLI::App* end = nullptr;
    CLI::App* confirm = nullptr;
};

nlohmann::json json_of(const bench::RenewalRow& row) {
    nlohmann::json keys = nlohmann::json::array();
    for (const auto& key : row.keys) {
        keys.push_back(
            {{"slot", key.slot}, {"old_certificate", key.old_certificate}, {"certificate", key.certificate}});
    }
    return {{"rid", row.rid},
            {"serial", row.token},
            {"state", ca::name_of(row.state)},
            {"request", row.request},
            {"remark", row.remark},
            {"keys", keys},
            {"created_at", row.created_at},
            {"updated_at", row.updated_at}};
}

void tell(Context& context, const bench::RenewalRow& row) {
    context.out.say(row.token + "  " + ca::name_of(row.state) + "  " + row.rid + "  " + printable(row.request) + "  " +
                    row.updated_at);
}

Exit list(Context& context, bench::Inventory& inventory) {
    auto all = nlohmann::json::array();
    for (const auto& row : bench::RenewalBook(inventory).all()) {
        if (!context.choice.serial().empty() && row.token != context.choice.serial()) continue;
        all.push_back(json_of(row));
        tell(context, row);
    }
    if (all.empty()) context.out.say(tr("There are no renewals."));
    context.out.result = {{"renewals", all}};
    return Exit::ok;
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    std::size_t from = 0;
    while (!text.empty() && from <= text.size()) {
        const std::size_t comma = std::min(text.find(',', from), text.size());
        parts.push_back(text.substr(from, comma - from));
        from = comma + 1;
    }
    return parts;
}

Exit approve(Context& context, bench::RenewalDesk& desk, const RenewalsOptions& options) {
    bench::RenewalOrder order = options.order;
    order.serial = required_serial(context);
    order.slots = split(options.slots);
    if (!options.seal_image.empty()) {
        const std::string picture = ca::read_file(options.seal_image);
        order.picture.assign(picture.begin(), picture.end());
    }
    const auto row = desk.approve(order);
    context.out.say(
        fill(tr("Renewal %1 of key %2 is approved: the enterprise runs `sealkey renew`."), {row.rid, row.token}));
    context.out.result = json_of(row);
    return Exit::ok;
}

// Apart from the others: the key is in the reader.
Exit end(Context& context, const ca::Authority& authority, bench::Inventory& inventory,
         const RenewalsOptions& options) {
    const SecretText passphrase = options.bench.passphrase();
    const bench::DeskKeys keys(authority, passphrase.bytes());
    const ca::ChannelMaster master = ca::read_channel_master(authority, passphrase.bytes());
    FoundKey key = context.choice.open();
    const auto done = bench::end_at_desk(inventory, authority, keys, master, *key.token,
                                         {options.remark, options.bench.operator_name()});
    context.out.say(fill(tr("Renewal %1 of key %2 is ended: the key can't commit it any more. Its new certificates are "
                            "revoked, the old ones stay as they are, and another renewal can be approved."),
                         {done.row.rid, done.row.token}));
    context.out.result = json_of(done.row);
    context.out.result["crl"] = done.list.number;
    return Exit::ok;
}

Exit serve(Context& context, bench::RenewalDesk& desk, const RenewalsOptions& options) {
    (void)desk.close_confirmed();  // a list that was still to be written
    bench::RenewalServer server(desk, [&](const std::string& line) { context.out.note(printable(line)); });
    const int port = server.bind(options.listen, options.port);
    context.out.note(fill(tr("Renewals are answered at %1. Ctrl-C ends it."),
                          {"http://" + options.listen + ":" + std::to_string(port)}));
    serve_until_signal(server);
    context.out.result = {{"listen", options.listen}, {"port", port}};
    return Exit::ok;
}

Exit run(Context& context, const RenewalsOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const auto inventory = options.bench.inventory(authority);
    if (options.list->parsed()) return list(context, *inventory);
    if (options.end->parsed()) return end(context, authority, *inventory, options);
    const bench::DeskKeys keys = [&] {
        const SecretText passphrase = options.bench.passphrase();
        return bench::DeskKeys(authority, passphrase.bytes());
    }();
    bench::RenewalDesk desk(*inventory, authority, keys, options.bench.operator_name(),
                            bench::key_centre_of(authority));
    if (options.approve->parsed()) return approve(context, desk, options);
    if (options.refuse->parsed()) {
        const auto row = desk.refuse(required_serial(context), options.remark);
        const auto state = inventory->token(row.token).state;
        context.out.say(fill(bench::counts_as_live(state)
                                 ? tr("The renewal of key %1 is refused; its certificates stay as they are.")
                                 : tr("The renewal of key %1 is refused; the key is %2."),
                             {row.token, bench::name_of(state)}));
        context.out.result = json_of(row);
        return Exit::ok;
    }
    if (options.confirm->parsed()) {
        const auto row = desk.confirm_by_use(options.certificate);
        context.out.say(
            fill(tr("Renewal %1 of key %2 is confirmed; the old certificates are revoked."), {row.rid, row.token}));
        context.out.result = json_of(row);
        return Exit::ok;
    }
    return serve(context, desk, options);
}

void add_order_options(CLI::App& command, RenewalsOptions& options) {
    const auto text = [&](const char* name, std::string& member, const char* help) {
        return command.add_option(name, member, help)->type_name(tr("TEXT"));
    };
    bench::RenewalOrder& order = options.order;
    text("--request", order.request, tr("The approved request that this is for"))->required();
    text("--slots", options.slots, tr("The keys that are renewed: 9A,9C,9D (all of them if not given)"));
    text("--algorithm", order.algorithm, tr("rsa2048, p256, p384, rsa3072 or rsa4096"));
    text("--decryption-key", order.decryption_key, tr("Where 9D is made: token, or centre (the CA's key centre)"));
    text("--name", order.enterprise_name, tr("Name of the enterprise"));
    text("--english-name", order.english_name, tr("Its English name"));
    text("--code", order.unified_code, tr("Its unified social credit code, 18 characters"));
    text("--user", order.authorised_user, tr("Who will hold the key"));
    text("--seal-image", options.seal_image, tr("Picture of the seal: a PNG file"));
    text("--seal-name", order.seal_name, tr("Name of the seal (the enterprise's name if not given)"));
    const auto number = [&](const char* name, int& member, const char* help) {
        command.add_option(name, member, help)->type_name(tr("NUMBER"))->check(CLI::Range(1, 3653));
    };
    number("--valid-days", order.valid_days, tr("Days that the certificates are valid"));
    number("--seal-width", order.seal_width_mm, tr("Width of the seal in millimetres"));
    number("--seal-height", order.seal_height_mm, tr("Height of the seal in millimetres"));
}

}  // namespace

Run define_renewals(CLI::App& command) {
    auto options = std::make_shared<RenewalsOptions>();
    command.require_subcommand(1);
    options->bench.add_to(command, true);
    options->list = command.add_subcommand("list", tr("All renewals, or those of one key: --serial"));
    options->approve = command.add_subcommand("approve", tr("Let a key be renewed: --serial"));
    options->refuse =
        command.add_subcommand("refuse", tr("Refuse a renewal, with a remark for the enterprise: --serial"));
    options->end = command.add_subcommand(
        "end", tr("End a renewal whose new keys the key has lost; the key is plugged in and says so itself"));
    options->confirm =
        command.add_subcommand("confirm", tr("A new certificate was seen in use: the old ones are revoked"));
    CLI::App* serving = command.add_subcommand("serve", tr("Answer enterprises' programs by HTTP, until Ctrl-C"));
    for (CLI::App* sub : {options->list, options->approve, options->refuse, options->end, options->confirm, serving}) {
        sub->fallthrough();
        sub->group(tr("Commands"));
    }
    add_order_options(*options->approve, *options);
    for (CLI::App* sub : {options->refuse, options->end}) {
        sub->add_option("--remark", options->remark, tr("Why; the enterprise reads it"))
            ->required()
            ->type_name(tr("TEXT"));
    }
    options->confirm->add_option("--certificate", options->certificate, tr("Serial number of the certificate"))
        ->required()
        ->type_name(tr("TEXT"));
    serving->add_option("--listen", options->listen, tr("Address to listen at (127.0.0.1 if not given)"))
        ->type_name(tr("ADDRESS"));
    serving->add_option("--port", options->port, tr("Port (any that is free if not given)"))
        ->check(CLI::Range(0, 65535))
        ->type_name(tr("NUMBER"));
    return explained([options](Context& context) { return run(context, *options); });
}

}  // namespace sealkey::cli
