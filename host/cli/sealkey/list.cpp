// sealkey list
#include "cli/sealkey/commands.h"
#include "cli/sealkey/describe.h"
#include "transport/usb/provider.h"

namespace sealkey::cli {

namespace {

Exit list(Context& context) {
    const auto provider = transport::make_program_provider();
    const Found found = find_keys(*provider);
    auto keys = nlohmann::json::array();
    for (const auto& key : found.keys) {
        context.out.say(key.status.serial + "  " + state_text(key.status) + "  [" + printable(key.reader) + "]");
        auto one = status_json(key.status);
        one["reader"] = key.reader;
        keys.push_back(one);
    }
    auto others = nlohmann::json::array();
    for (const auto& other : found.others) {
        const std::string what = !other.card_present    ? tr("empty reader")
                                 : !other.fault.empty() ? other.fault
                                                        : tr("a card that isn't a sealkey");
        context.out.say("-  " + what + "  [" + printable(other.reader) + "]");
        others.push_back({{"reader", other.reader}, {"card", other.card_present}, {"fault", other.fault}});
    }
    context.out.result = {{"keys", keys}, {"other_readers", others}};
    if (!found.keys.empty()) return Exit::ok;
    context.out.say(tr("No key is plugged in."));
    return Exit::ok;
}

}  // namespace

Run define_list(CLI::App&) { return list; }

}  // namespace sealkey::cli
