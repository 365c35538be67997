// sealkey-bench labels
#include "cli/bench/labels.h"

#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <system_error>

#include "bench/labels.h"
#include "cli/bench/chosen_keys.h"
#include "files/whole_file.h"

namespace sealkey::cli {

namespace {

constexpr char kPdfMark[] = "%PDF-";

struct LabelOptions {
    BenchOptions bench;
    ChosenKeys keys;
    std::string batch;
    bool unpacked = false;
    std::string out;
    std::string layout = "sheet";
    int skip = 0;
};

Exit make(Context& context, const LabelOptions& options) {
    const int ways = (options.keys.given() || !context.choice.serial().empty() ? 1 : 0) +
                     (options.batch.empty() ? 0 : 1) + (options.unpacked ? 1 : 0);
    if (ways != 1)
        throw Failed(Exit::usage, tr("Say which keys: --key or --keys, --batch, or --unpacked; one of them."));
    if (options.skip != 0 && options.layout != "sheet")
        throw Failed(Exit::usage, tr("--skip is for sheets of labels."));
    const ca::Authority authority(options.bench.directory());
    const auto inventory = options.bench.inventory(authority);
    require_label_place(options.out, LabelFile::make);
    const auto serials = !options.batch.empty() ? bench::finished_keys_of(*inventory, options.batch)
                         : options.unpacked     ? bench::unpacked_keys(*inventory)
                                                : options.keys.serials(context);
    if (serials.empty()) throw Failed(Exit::not_found, tr("There is no key that waits for a label."));
    bench::LabelSheet sheet;
    sheet.layout = options.layout == "sheet" ? bench::LabelLayout::sheet : bench::LabelLayout::single;
    sheet.skip = options.skip;
    write_labels(context, *inventory, options.bench.operator_name(), serials, sheet, options.out, LabelFile::make);
    return Exit::ok;
}

}  // namespace

void require_label_place(const std::string& path, LabelFile how) {
    struct stat there {};
    if (::stat(path.c_str(), &there) != 0) return;
    if (how == LabelFile::replace) {
        char start[sizeof kPdfMark - 1] = {};
        std::ifstream file(path, std::ios::binary);
        if (file.read(start, sizeof start) && std::memcmp(start, kPdfMark, sizeof start) == 0) return;
    }
    throw Failed(Exit::file_error, fill(tr("%1 exists already: choose another name. Nothing was done."), {path}));
}

void write_labels(Context& context, bench::Inventory& inventory, const std::string& operator_name,
                  const std::vector<std::string>& serials, const bench::LabelSheet& sheet, const std::string& path,
                  LabelFile how) {
    const bench::LabelWords words{tr("Valid until"), tr("Holder")};
    const bench::MadeLabels made = bench::make_labels(inventory, serials, words, sheet);
    bench::note_labels(inventory, operator_name, serials);
    try {
        files::write_whole(path, {reinterpret_cast<const std::uint8_t*>(made.pdf.data()), made.pdf.size()}, 0644,
                           how == LabelFile::make ? files::Existing::keep : files::Existing::replace);
    } catch (const std::system_error& error) {
        throw Failed(Exit::file_error,
                     fill(tr("%1 can't be written: %2."), {path, std::strerror(error.code().value())}));
    }
    context.out.say(fill(tr("%1 labels are in %2; %3 of them are printed again."),
                         {std::to_string(serials.size()), path, std::to_string(made.reprinted)}));
    context.out.result["labels"] = {
        {"file", path}, {"count", serials.size()}, {"reprinted", made.reprinted}, {"serials", serials}};
}

Run define_labels(CLI::App& command) {
    auto options = std::make_shared<LabelOptions>();
    options->bench.add_to(command, false);
    options->keys.add_to(command);
    command.add_option("--batch", options->batch, tr("All finished keys of a tray, as `run --json` names it"))
        ->type_name(tr("TEXT"));
    command.add_flag("--unpacked", options->unpacked, tr("All finished keys that aren't packed yet"));
    command.add_option("--out", options->out, tr("The PDF file, a new one"))->type_name(tr("FILE"))->required();
    command
        .add_option("--layout", options->layout,
                    tr("sheet: A4 with 3 x 8 labels; single: each on a page of its own, 70 x 37 mm"))
        ->type_name(tr("LAYOUT"))
        ->check(CLI::IsMember({"sheet", "single"}));
    command.add_option("--skip", options->skip, tr("Labels of the first sheet that are used up"))
        ->type_name(tr("NUMBER"))
        ->check(CLI::Range(0, bench::kLabelsOnSheet - 1));
    return explained([options](Context& context) { return make(context, *options); });
}

}  // namespace sealkey::cli
