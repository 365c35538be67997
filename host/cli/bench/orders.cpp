// sealkey-bench orders check, give-up
#include "cli/bench/orders.h"

#include "bench/parcel.h"
#include "cli/bench/crl.h"
#include "cli/bench/run_lock.h"

namespace sealkey::cli {

namespace {

struct OrdersOptions {
    BenchOptions bench;
    std::string file;
    std::string why;
    CLI::App* give_up = nullptr;
};

Exit check_orders(Context& context, const OrdersOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const auto inventory = options.bench.inventory(authority);
    bench::OrderFile file = bench::read_orders(options.file);
    bench::check_with_inventory(file, *inventory, authority);
    require_good_orders(context, file, options.file);
    context.out.say(fill(tr("%1 orders, and nothing is wrong with them."), {std::to_string(file.orders.size())}));
    context.out.result = {{"orders", file.orders.size()}};
    return Exit::ok;
}

// The list must follow what is revoked, so that the passphrase is known to be right first.
Exit give_up_order(Context& context, const OrdersOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const std::string serial = required_serial(context);
    const RunLock lock(authority.path("run.lock"));
    const SecretText passphrase = options.bench.passphrase();
    (void)authority.issuing_key(passphrase.bytes());
    const auto inventory = options.bench.inventory(authority);
    const int count = bench::give_up(*inventory, options.bench.operator_name(), serial, options.why);
    context.out.say(fill(tr("Key %1 is given up: %2 certificates are revoked. Its order may be made with another key."),
                         {serial, std::to_string(count)}));
    context.out.result = {
        {"serial", serial}, {"state", bench::name_of(inventory->token(serial).state)}, {"revoked", count}};
    write_crl(context, authority, *inventory, passphrase.bytes(), options.bench.operator_name(), 0);
    return Exit::ok;
}

}  // namespace

void require_good_orders(Context& context, const bench::OrderFile& file, const std::string& path) {
    if (file.problems.empty()) return;
    auto problems = nlohmann::json::array();
    for (const bench::OrderProblem& problem : file.problems) {
        const Failed why = explain(problem.fault.error);
        const std::string field = problem.fault.field.empty() ? "" : " " + printable(problem.fault.field) + ":";
        if (!context.out.json()) {
            context.out.note(printable(path) + ":" + std::to_string(problem.line) + ":" + field + " " + why.what());
        }
        problems.push_back({{"line", problem.line},
                            {"order", problem.order},
                            {"field", problem.fault.field},
                            {"message", why.what()},
                            {"fault", why.details().value("fault", "")}});
    }
    throw Failed(Exit::bad_input,
                 fill(tr("%1 has %2 faults. Nothing was done; correct them and try again."),
                      {printable(path), std::to_string(file.problems.size())}),
                 {{"problems", problems}});
}

Run define_orders(CLI::App& command) {
    auto options = std::make_shared<OrdersOptions>();
    command.require_subcommand(1);
    options->bench.add_to(command, true);
    CLI::App* sub = command.add_subcommand("check", tr("Check a file of orders, and change nothing"));
    sub->fallthrough();
    sub->group(tr("Commands"));
    sub->add_option("file", options->file, tr("Orders: a .csv or a .json file"))->type_name(tr("FILE"))->required();
    options->give_up = command.add_subcommand(
        "give-up", tr("Give up a key that was begun and never came back: its order may be made with another"));
    options->give_up->fallthrough();
    options->give_up->group(tr("Commands"));
    options->give_up->add_option("--why", options->why, tr("In words, for the audit trail"))
        ->required()
        ->type_name(tr("TEXT"));
    return explained([options](Context& context) {
        return options->give_up->parsed() ? give_up_order(context, *options) : check_orders(context, *options);
    });
}

}  // namespace sealkey::cli
