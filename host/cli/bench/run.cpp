// sealkey-bench run
#include <signal.h>

#include <thread>

#include "bench/labels.h"
#include "bench/tray.h"
#include "cli/bench/bench_common.h"
#include "cli/bench/labels.h"
#include "cli/bench/orders.h"
#include "cli/bench/run_lock.h"
#include "cli/bench/tray_view.h"
#include "seal/error.h"
#include "transport/settings.h"
#include "transport/usb/provider.h"

namespace sealkey::cli {

namespace {

constexpr int kMaxPorts = 64;

struct RunOptions {
    BenchOptions bench;
    std::string orders;
    std::string births;
    std::string labels;
    int ports = 1;
    int patience = 0;
};

std::string words_of(const std::exception& error) {
    if (const auto* one = dynamic_cast<const ca::CaError*>(&error)) return explain(*one).what();
    if (const auto* one = dynamic_cast<const token::TokenError*>(&error)) return explain(*one).what();
    if (const auto* one = dynamic_cast<const transport::TransportError*>(&error)) return explain(*one).what();
    if (const auto* one = dynamic_cast<const soci::soci_error*>(&error)) return explain(*one).what();
    return error.what();
}

// Stops the tray at SIGINT or SIGTERM: each key's step is ended first.
class StopOnSignal {
public:
    explicit StopOnSignal(bench::Tray& tray) {
        sigemptyset(&wanted_);
        sigaddset(&wanted_, SIGINT);
        sigaddset(&wanted_, SIGTERM);
        sigaddset(&wanted_, SIGUSR1);  // our own: the run is over
        pthread_sigmask(SIG_BLOCK, &wanted_, &before_);
        thread_ = std::thread([this, &tray] {
            int number = 0;
            sigwait(&wanted_, &number);
            if (number != SIGUSR1) tray.stop();
        });
    }
    ~StopOnSignal() {
        pthread_kill(thread_.native_handle(), SIGUSR1);
        thread_.join();
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    StopOnSignal(const StopOnSignal&) = delete;
    StopOnSignal& operator=(const StopOnSignal&) = delete;

private:
    sigset_t wanted_{};
    sigset_t before_{};
    std::thread thread_;
};

const char* job_text(bench::JobState state) {
    switch (state) {
        case bench::JobState::waiting:
            return tr("waits for a blank key");
        case bench::JobState::begun:
            return tr("begun: plug its key in again");
        case bench::JobState::failed:
            return tr("failed its check: don't deliver this key");
        case bench::JobState::refused:
            return tr("refused");
        case bench::JobState::done:
            break;
    }
    return tr("done");
}

struct Totals {
    std::size_t done = 0, failed = 0, refused = 0, open = 0;
};

Totals report_jobs(Context& context, bench::Inventory& inventory, const std::string& batch) {
    Totals totals;
    auto all = nlohmann::json::array();
    for (const bench::JobRow& job : bench::JobBook(inventory).jobs(batch)) {
        const bench::Order order = bench::order_of_json(nlohmann::json::parse(job.order_text));
        const std::string login =
            order.login_name.empty() && !job.token.empty() ? inventory.token(job.token).login_name : order.login_name;
        context.out.say(std::to_string(job.number) + "  " + (job.token.empty() ? "-" : job.token) + "  " +
                        printable(login) + "  " + printable(order.enterprise_name) + "  " + job_text(job.state) +
                        (job.message.empty() ? "" : ": " + printable(job.message)));
        all.push_back({{"order", job.number},
                       {"line", job.line},
                       {"serial", job.token},
                       {"login_name", login},
                       {"unified_code", order.unified_code},
                       {"enterprise_name", order.enterprise_name},
                       {"state", bench::name_of(job.state)},
                       {"step", job.step},
                       {"message", job.message}});
        totals.done += job.state == bench::JobState::done ? 1 : 0;
        totals.failed += job.state == bench::JobState::failed ? 1 : 0;
        totals.refused += job.state == bench::JobState::refused ? 1 : 0;
    }
    totals.open = all.size() - totals.done - totals.failed - totals.refused;
    context.out.result = {{"batch", batch},          {"done", totals.done},
                          {"failed", totals.failed}, {"refused", totals.refused},
                          {"open", totals.open},     {"orders", all}};
    return totals;
}

// Where the time went: of the ports together, and what the process itself used of the processor.
void report_usage(Context& context, const bench::Tray::RunUsage& usage) {
    auto parts = nlohmann::json::object();
    for (std::size_t i = 0; i < bench::kParts; ++i) {
        parts[bench::name_of(static_cast<bench::Part>(i))] = {{"seconds", usage.ports.seconds[i]},
                                                              {"cpu", usage.ports.cpu[i]}};
    }
    context.out.result["usage"] = {
        {"seconds", usage.seconds}, {"cpu", usage.cpu}, {"cpu_before", usage.cpu_before}, {"ports", parts}};
}

Exit exit_of(bench::TrayEnd end, const Totals& totals) {
    if (end == bench::TrayEnd::stopped) return Exit::cancelled;
    if (totals.failed != 0) return Exit::not_verified;
    if (end == bench::TrayEnd::patience_over) return Exit::timeout;
    return totals.refused != 0 ? Exit::not_allowed : Exit::ok;
}

Exit run_tray(Context& context, const RunOptions& options) {
    const ca::Authority authority(options.bench.directory());
    bench::OrderFile file = bench::read_orders(options.orders);
    require_good_orders(context, file, options.orders);
    if (!options.labels.empty()) require_label_place(options.labels, LabelFile::replace);
    const RunLock lock(authority.path("run.lock"));
    const auto inventory = options.bench.inventory(authority);
    if (bench::JobBook(*inventory).jobs(bench::batch_of(file)).empty()) {
        bench::check_with_inventory(file, *inventory, authority);
        require_good_orders(context, file, options.orders);
    }
    const bench::BirthRecords births(options.births);
    const bench::BenchKeys keys(authority, options.bench.passphrase().bytes());  // wrong: told before a key is touched
    bench::reopen_refused(*inventory, authority, file, options.bench.operator_name());

    TrayView view(context.out, static_cast<std::size_t>(options.ports), file.orders.size());
    bench::TrayOptions how;
    how.opensc = transport::simulator_sockets_setting().empty() && !transport::usb_is_chosen();
    how.ports = options.ports;
    how.operator_name = options.bench.operator_name();
    how.patience = std::chrono::seconds(options.patience);
    how.changed = [&](std::size_t port, const bench::PortView& now) { view.changed(port, now); };
    how.tick = [&] { view.tick(); };
    how.explain = words_of;
    bench::Tray tray(
        authority, keys, file, births, [&] { return options.bench.inventory(authority); },
        [] { return transport::make_program_provider(); }, std::move(how));
    const bench::TrayEnd end = [&] {
        const StopOnSignal signals(tray);
        return tray.run();
    }();
    view.tick();
    const Totals totals = report_jobs(context, *inventory, tray.batch());
    report_usage(context, tray.usage());
    context.out.say(fill(tr("%1 done, %2 failed, %3 refused, %4 open."),
                         {std::to_string(totals.done), std::to_string(totals.failed), std::to_string(totals.refused),
                          std::to_string(totals.open)}));
    if (totals.open != 0) context.out.say(tr("The same command goes on with what is open."));
    if (!options.labels.empty()) {
        const auto finished = bench::finished_keys_of(*inventory, tray.batch());
        if (!finished.empty()) {
            write_labels(context, *inventory, options.bench.operator_name(), finished, {}, options.labels,
                         LabelFile::replace);
        }
    }
    return exit_of(end, totals);
}

}  // namespace

Run define_run(CLI::App& command) {
    auto options = std::make_shared<RunOptions>();
    options->bench.add_to(command, true);
    command.add_option("--orders", options->orders, tr("Orders: a .csv or a .json file"))
        ->type_name(tr("FILE"))
        ->required();
    command.add_option("--birth-records", options->births, tr("The factory's records of the blank keys: a folder"))
        ->type_name(tr("FOLDER"))
        ->required();
    command.add_option("--ports", options->ports, tr("Keys that are made at once"))
        ->type_name(tr("NUMBER"))
        ->check(CLI::Range(1, kMaxPorts));
    command
        .add_option("--labels", options->labels,
                    tr("Labels of the tray's finished keys, a PDF; one of this name is replaced"))
        ->type_name(tr("FILE"));
    command.add_option("--patience", options->patience, tr("End when no key was worked at for so many seconds"))
        ->type_name(tr("SECONDS"))
        ->check(CLI::Range(1, 86400));
    return explained([options](Context& context) { return run_tray(context, *options); });
}

}  // namespace sealkey::cli
