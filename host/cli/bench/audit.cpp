// sealkey-bench audit verify
#include "bench/audit.h"

#include "cli/bench/bench_common.h"

namespace sealkey::cli {

namespace {

struct AuditOptions {
    BenchOptions bench;
    std::string head;
};

Exit verify_audit(Context& context, const AuditOptions& options) {
    std::optional<bench::AuditHead> noted;
    if (!options.head.empty()) noted = bench::parse_audit_head(options.head);
    const ca::Authority authority(options.bench.directory());
    const auto inventory = options.bench.inventory(authority);
    inventory->check_audit_chain(noted);
    const bench::AuditHead head = inventory->audit_head();
    context.out.say(fill(tr("%1 rows, and each fits the one before."), {std::to_string(head.id)}));
    context.out.field(tr("The last one"), bench::text_of(head));
    context.out.result = {{"rows", head.id}, {"head", bench::text_of(head)}};
    return Exit::ok;
}

}  // namespace

Run define_audit(CLI::App& command) {
    auto options = std::make_shared<AuditOptions>();
    command.require_subcommand(1);
    options->bench.add_to(command, false);
    CLI::App* sub = command.add_subcommand("verify", tr("Check that no row was changed, taken out, moved or cut off"));
    sub->fallthrough();
    sub->group(tr("Commands"));
    sub->add_option("--head", options->head, tr("A last row that was noted elsewhere: it must still be there"))
        ->type_name(tr("NUMBER:HASH"));
    return explained([options](Context& context) { return verify_audit(context, *options); });
}

}  // namespace sealkey::cli
