// sealkey-bench manufacture
#include "bench/manufacture.h"

#include "cli/bench/bench_common.h"
#include "token/factory.h"

namespace sealkey::cli {

namespace {

struct ManufactureOptions {
    std::string births;
};

const char* how_name(bench::Manufactured::How how) {
    switch (how) {
        case bench::Manufactured::How::made:
            return "made";
        case bench::Manufactured::How::completed:
            return "completed";
        case bench::Manufactured::How::again:
            break;
    }
    return "again";
}

const char* how_text(bench::Manufactured::How how) {
    switch (how) {
        case bench::Manufactured::How::made:
            return tr("Key %1 has its transport keys. Its record is %2 (readable by you alone).");
        case bench::Manufactured::How::completed:
            return tr("Key %1 had taken its transport keys before. Its record is %2 now (readable by you alone).");
        case bench::Manufactured::How::again:
            break;
    }
    return tr("Key %1 was made before. Its record is %2, and opens it: nothing was done.");
}

// Only what failed: what is safe and what to do is another thing at this command than elsewhere.
const char* what_failed(const token::TokenError& error) {
    switch (error.kind()) {
        case token::Kind::malformed_answer:
            return tr("The key's answer can't be understood.");
        case token::Kind::token_failure:
            return tr("The key reports a fault.");
        default:
            return tr("The key refuses this.");
    }
}

const char* what_failed(const transport::TransportError& error) {
    switch (error.failure()) {
        case transport::Failure::no_reader:
        case transport::Failure::no_card:
            return tr("The key was taken out.");
        case transport::Failure::card_reset:
            return tr("Another program reset the key.");
        case transport::Failure::in_use:
            return tr("Another program is holding the key.");
        case transport::Failure::no_service:
            return tr("The smart-card service can't be reached.");
        case transport::Failure::timeout:
            return tr("The key didn't answer in time.");
        case transport::Failure::communication:
            break;
    }
    return tr("The connection to the key failed.");
}

[[noreturn]] void fail_with_advice(const bench::Manufacture& job, const std::string& what, const Failed& why) {
    nlohmann::json details = why.details();
    details["unfinished"] = job.unfinished();
    throw Failed(why.code(),
                 fill(tr("%1 Nothing is lost: the transport keys that the key was sent are in %2. Plug the same key in "
                         "and run the same command again: it finds out whether they are in, and goes on."),
                      {what, job.unfinished()}),
                 details);
}

// Before anything was sent that changes a key. What is to be done about a service that is missing or a key that another
// program holds is the same everywhere.
[[noreturn]] void fail_unchanged(const transport::TransportError& error) {
    const Failed why = explain(error);
    const bool has_cure =
        error.failure() == transport::Failure::no_service || error.failure() == transport::Failure::in_use;
    if (has_cure) throw why;
    throw Failed(
        why.code(),
        fill(tr("%1 Nothing was changed: plug the key in again and run the same command again."), {what_failed(error)}),
        why.details());
}

bench::Manufactured run_manufacture(bench::Manufacture& job, token::Token& token) {
    const Busy busy(tr("Giving the key its transport keys"));
    try {
        return job.run(token);
    } catch (const ca::CaError& error) {
        const Failed why = explain(error);
        if (job.unfinished().empty()) throw why;
        fail_with_advice(job, why.what(), why);
    } catch (const token::TokenError& error) {
        if (job.unfinished().empty()) throw explain(error);
        fail_with_advice(job, what_failed(error), explain(error));
    } catch (const transport::TransportError& error) {
        if (job.unfinished().empty()) fail_unchanged(error);
        fail_with_advice(job, what_failed(error), explain(error));
    }
}

Exit manufacture_key(Context& context, const ManufactureOptions& options) {
    bench::Manufacture job(options.births);
    FoundKey key = context.choice.open(token::waits_for_manufacture);
    const bench::Manufactured done = run_manufacture(job, *key.token);
    const std::string serial = bench::shown_serial(done.chip_id);
    context.out.say(fill(how_text(done.how), {serial, done.record}));
    if (!done.set_aside.empty()) {
        context.out.say(
            fill(tr("There was another record by this key's number, which is %1 now. It was this key's before its "
                    "flash was erased, or is that of another board that tells the same number: keep it unless you "
                    "know."),
                 {done.set_aside}));
    }
    if (done.others != 0) {
        context.out.say(fill(tr("Unfinished records in %1: %2. Each may be of a key whose answer was lost: plug such a "
                                "key in and run this command again."),
                             {options.births, std::to_string(done.others)}));
    }
    context.out.result = {{"serial", serial},          {"chip_id", done.chip_id},     {"record", done.record},
                          {"how", how_name(done.how)}, {"set_aside", done.set_aside}, {"unfinished", done.others}};
    return Exit::ok;
}

}  // namespace

Run define_manufacture(CLI::App& command) {
    auto options = std::make_shared<ManufactureOptions>();
    command
        .add_option("--birth-records", options->births,
                    tr("The factory's records: a folder, in which this key gets its own"))
        ->type_name(tr("FOLDER"))
        ->required();
    return explained([options](Context& context) { return manufacture_key(context, *options); });
}

}  // namespace sealkey::cli
