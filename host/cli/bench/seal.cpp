// sealkey-bench seal load
#include "bench/seal_load.h"
#include "cli/bench/bench_common.h"

namespace sealkey::cli {

namespace {

struct SealLoadOptions {
    BenchOptions bench;
    int width_mm = 40;
    int height_mm = 40;
    std::string request;
    std::string picture;
    std::vector<std::string> crls;
};

Exit load_seal(Context& context, const SealLoadOptions& options) {
    bench::SealOrder order;
    order.width_mm = options.width_mm;
    order.height_mm = options.height_mm;
    order.request = options.request;
    order.operator_name = options.bench.operator_name();
    const std::string picture = ca::read_file(options.picture);
    order.picture.assign(picture.begin(), picture.end());
    for (const std::string& path : options.crls) {
        const std::string file = ca::read_file(path);
        auto lists = seal::revocation_lists_in({reinterpret_cast<const std::uint8_t*>(file.data()), file.size()});
        if (lists.empty()) throw Failed(Exit::bad_input, fill(tr("%1 holds no revocation list."), {path}));
        std::move(lists.begin(), lists.end(), std::back_inserter(order.maker_lists));
    }
    const ca::Authority authority(options.bench.directory());
    const SecretText passphrase = options.bench.passphrase();
    const auto inventory = options.bench.inventory(authority);
    FoundKey key = context.choice.open();
    const auto done = bench::load_seal(*inventory, authority, passphrase.bytes(), *key.token, order);
    context.out.say(fill(done.again ? tr("Key %1 has its seal %2 again.") : tr("Key %1 has its seal: %2."),
                         {done.row.serial, done.seal.info.id}));
    context.out.result = {{"serial", done.row.serial},
                          {"id", done.seal.info.id},
                          {"valid_until", seal::iso_time(done.seal.info.not_after)},
                          {"bytes", done.seal.der.size()},
                          {"again", done.again}};
    return Exit::ok;
}

}  // namespace

Run define_seal(CLI::App& command) {
    auto options = std::make_shared<SealLoadOptions>();
    command.require_subcommand(1);
    auto* load = command.add_subcommand("load", tr("Put a seal on a finished key that is plugged in"));
    options->bench.add_to(*load, true);
    load->add_option("--request", options->request, tr("The approved request that this is for"))
        ->required()
        ->type_name(tr("TEXT"));
    load->add_option("--seal-image", options->picture, tr("Picture of the seal: a PNG file"))
        ->required()
        ->type_name(tr("FILE"));
    load->add_option(
            "--seal-crl", options->crls,
            tr("Revocation lists of the root for seals (PEM or DER); no seal is made by a maker that stands in one"))
        ->type_name(tr("FILE"));
    load->add_option("--seal-width", options->width_mm, tr("Width of the seal in millimetres"))
        ->check(CLI::Range(1, 1000))
        ->type_name(tr("NUMBER"));
    load->add_option("--seal-height", options->height_mm, tr("Height of the seal in millimetres"))
        ->check(CLI::Range(1, 1000))
        ->type_name(tr("NUMBER"));
    return explained([options](Context& context) { return load_seal(context, *options); });
}

}  // namespace sealkey::cli
