// sealkey-bench parcel packed, shipped, arrived, delivered, returned; sealkey-bench damaged
#include "bench/parcel.h"

#include <fstream>
#include <iostream>

#include "cli/bench/bench_common.h"
#include "cli/bench/chosen_keys.h"

namespace sealkey::cli {

namespace {

struct ParcelOptions {
    BenchOptions bench;
    ChosenKeys keys;
    std::string note;
    std::string why;
};

struct ParcelRow {
    bench::TokenEvent event;
    const char* help;
    const char* told;
};
constexpr ParcelRow kParcelRows[] = {
    {bench::TokenEvent::packed, mark("The key is in its parcel, with its label"), mark("Key %1 is packed.")},
    {bench::TokenEvent::shipped, mark("The parcel was handed to a courier"), mark("Key %1 is on its way.")},
    {bench::TokenEvent::arrived, mark("The authority has received the parcel"), mark("Key %1 is at the authority.")},
    {bench::TokenEvent::delivered, mark("The enterprise has received the key"), mark("Key %1 is delivered.")},
    {bench::TokenEvent::returned, mark("The parcel came back: its key is packed anew before it leaves again"),
     mark("Key %1 is back at the bench.")},
};

std::vector<std::string> lines_of(const std::string& path) {
    std::ifstream file;
    if (path != "-") {
        file.open(path);
        if (!file) throw Failed(Exit::file_error, fill(tr("%1 can't be read."), {path}));
    }
    std::vector<std::string> lines;
    std::string line;
    while (std::getline(path == "-" ? std::cin : file, line)) {
        while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
        if (!line.empty()) lines.push_back(line);
    }
    return lines;
}

Exit move_parcels(Context& context, const ParcelOptions& options, const ParcelRow& row) {
    const ca::Authority authority(options.bench.directory());
    const auto serials = options.keys.serials(context);
    const auto inventory = options.bench.inventory(authority);
    bench::move_keys(*inventory, options.bench.operator_name(), serials, row.event, options.note);
    auto all = nlohmann::json::array();
    for (const std::string& serial : serials) {
        context.out.say(fill(tr(row.told), {serial}));
        all.push_back({{"serial", serial}, {"state", bench::name_of(bench::target_of(row.event))}});
    }
    context.out.result = {{"keys", all}};
    return Exit::ok;
}

}  // namespace

void ChosenKeys::add_to(CLI::App& command) {
    command.add_option("--key", keys_, tr("Serial number of a key, or its label's code; may stand several times"))
        ->type_name(tr("SK..."))
        ->allow_extra_args(false);
    command.add_option("--keys", file_, tr("The same from a file, one a line; - is standard input, for a scanner"))
        ->type_name(tr("FILE"));
}

std::vector<std::string> ChosenKeys::serials(const Context& context) const {
    std::vector<std::string> named = keys_;
    if (!file_.empty()) {
        for (const std::string& line : lines_of(file_)) named.push_back(line);
    }
    if (named.empty() && !context.choice.serial().empty()) named.push_back(context.choice.serial());
    if (named.empty()) throw Failed(Exit::usage, tr("Name the keys: --key SK..., or --keys FILE."));
    for (std::string& one : named) one = bench::serial_of_scan(one);
    return named;
}

Run define_parcel(CLI::App& command) {
    auto options = std::make_shared<ParcelOptions>();
    command.require_subcommand(1);
    options->bench.add_to(command, false);
    std::vector<std::pair<CLI::App*, const ParcelRow*>> subs;
    for (const ParcelRow& row : kParcelRows) {
        CLI::App* sub = command.add_subcommand(bench::name_of(row.event), tr(row.help));
        sub->fallthrough();
        sub->group(tr("Commands"));
        subs.emplace_back(sub, &row);
    }
    options->keys.add_to(command);
    command.add_option("--note", options->note, tr("For the audit trail: the consignment's number, who signed for it"))
        ->type_name(tr("TEXT"));
    return explained([options, subs](Context& context) {
        for (const auto& [sub, row] : subs) {
            if (sub->parsed()) return move_parcels(context, *options, *row);
        }
        return Exit::usage;
    });
}

Run define_damaged(CLI::App& command) {
    auto options = std::make_shared<ParcelOptions>();
    options->bench.add_to(command, false);
    command.add_option("--why", options->why, tr("In words, for the audit trail"))->required()->type_name(tr("TEXT"));
    return explained([options](Context& context) {
        const ca::Authority authority(options->bench.directory());
        const std::string serial = required_serial(context);
        const auto inventory = options->bench.inventory(authority);
        bench::report_damaged(*inventory, options->bench.operator_name(), serial, options->why);
        context.out.say(
            fill(tr("Key %1 is noted as damaged. Its certificates stand until it is replaced or revoked."), {serial}));
        context.out.result = {{"serial", serial}, {"state", bench::name_of(inventory->token(serial).state)}};
        return Exit::ok;
    });
}

}  // namespace sealkey::cli
