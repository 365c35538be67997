// sealkey certificates
#include "cli/sealkey/certificate_view.h"
#include "cli/sealkey/commands.h"
#include "cli/sealkey/describe.h"

namespace sealkey::cli {

namespace {

std::string validity_text(const CertificateView& view) {
    std::string text = fill(tr("%1 to %2"), {view.not_before.substr(0, 10), view.not_after.substr(0, 10)});
    if (view.expired) text += std::string("  ") + tr("EXPIRED");
    if (view.not_yet_valid) text += std::string("  ") + tr("NOT YET VALID");
    return text;
}

Exit certificates(Context& context) {
    FoundKey key = context.choice.open();
    auto list = nlohmann::json::array();
    for (const auto& slot : key.status.slots) {
        if (!slot.has_certificate()) continue;
        const auto view = view_certificate(key.token->read_certificate(slot.slot));
        auto one = certificate_json(view);
        one["slot"] = slot_name(slot.slot);
        one["has_key"] = slot.has_key();
        list.push_back(one);
        context.out.say(slot_text(slot.slot));
        context.out.field(std::string("  ") + tr("Subject"), view.subject);
        context.out.field(std::string("  ") + tr("Issuer"), view.issuer);
        context.out.field(std::string("  ") + tr("Serial number"), view.serial);
        context.out.field(std::string("  ") + tr("Valid"), validity_text(view));
        context.out.field(std::string("  ") + tr("Key"), view.key);
        context.out.field("  SHA-256", view.sha256);
        if (!slot.has_key()) context.out.say(std::string("  ") + tr("There is no private key for it on this key."));
    }
    if (list.empty()) context.out.say(tr("There is no certificate on the key."));
    context.out.result = {{"serial", key.status.serial}, {"certificates", list}};
    return Exit::ok;
}

}  // namespace

Run define_certificates(CLI::App&) { return certificates; }

}  // namespace sealkey::cli
