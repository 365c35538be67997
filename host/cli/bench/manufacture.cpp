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

// What is safe, and what to do.
[[noreturn]] void fail_with_advice(const bench::Manufacture& job, const Failed& why) {
    if (job.unfinished().empty()) throw why;
    nlohmann::json details = why.details();
    details["unfinished"] = job.unfinished();
    throw Failed(why.code(),
                 fill(tr("%1 Nothing is lost: the transport keys that the key was sent are in %2. Plug the same key in "
                         "and run the same command again: it finds out whether they are in, and goes on."),
                      {why.what(), job.unfinished()}),
                 details);
}

bench::Manufactured run_manufacture(bench::Manufacture& job, token::Token& token) {
    const Busy busy(tr("Giving the key its transport keys"));
    try {
        return job.run(token);
    } catch (const ca::CaError& error) {
        fail_with_advice(job, explain(error));
    } catch (const token::TokenError& error) {
        fail_with_advice(job, explain(error));
    } catch (const transport::TransportError& error) {
        fail_with_advice(job, explain(error));
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
            fill(tr("A former record of this key, whose flash was erased since, is %1 now."), {done.set_aside}));
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
