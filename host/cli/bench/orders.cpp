// sealkey-bench orders check
#include "cli/bench/orders.h"

namespace sealkey::cli {

namespace {

struct OrdersOptions {
    BenchOptions bench;
    std::string file;
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
    options->bench.add_to(command, false);
    CLI::App* sub = command.add_subcommand("check", tr("Check a file of orders, and change nothing"));
    sub->fallthrough();
    sub->group(tr("Commands"));
    sub->add_option("file", options->file, tr("Orders: a .csv or a .json file"))->type_name(tr("FILE"))->required();
    return explained([options](Context& context) { return check_orders(context, *options); });
}

}  // namespace sealkey::cli
