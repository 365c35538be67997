// sealkey status
#include "cli/sealkey/certificate_view.h"
#include "cli/sealkey/commands.h"
#include "cli/sealkey/describe.h"
#include "token/record.h"

namespace sealkey::cli {

namespace {

std::optional<token::EnterpriseRecord> record_of(FoundKey& key) {
    if (key.status.object(protocol::object::enterprise_record) == nullptr) return std::nullopt;
    return token::decode_record(key.token->read_object(protocol::object::enterprise_record));
}

void show_record(const Output& out, const token::EnterpriseRecord& record) {
    out.field(tr("Enterprise"), printable(record.enterprise_name));
    out.field(tr("Unified code"), record.unified_code);
    if (record.old_code) out.field(tr("Old code"), *record.old_code);
    out.field(tr("Login name"), record.login_name);
    out.field(tr("Key number"),
              fill(tr("%1 of at most %2"), {std::to_string(record.key_number), std::to_string(record.key_limit)}));
    out.field(tr("Valid until"), record.valid_until);
}

void show_lock(const Output& out, const token::TokenStatus& status) {
    const std::string code = request_code(status);
    if (code.empty() || state_of(status) != KeyState::locked) return;
    out.field(tr("Request code"), code);
    out.field(tr("Code tries left"), std::to_string(status.lock.code_tries_left));
}

Exit status(Context& context) {
    FoundKey key = context.choice.open();
    const auto& s = key.status;
    const auto& out = context.out;
    context.out.result = status_json(s);
    context.out.result["reader"] = key.reader;
    out.field(tr("Serial number"), s.serial);
    out.field(tr("State"), state_text(s));
    out.field(tr("PIN"), pin_text(s));
    show_lock(out, s);
    out.field(tr("Profile"), profile_text(s.profile));
    out.field(tr("Firmware"), context.out.result["firmware"].get<std::string>());
    out.field(tr("Reader"), printable(key.reader));
    if (const auto record = record_of(key)) {
        show_record(out, *record);
        context.out.result["enterprise"] = {{"name", record->enterprise_name},
                                            {"unified_code", record->unified_code},
                                            {"old_code", record->old_code.value_or("")},
                                            {"login_name", record->login_name},
                                            {"key_number", record->key_number},
                                            {"key_limit", record->key_limit},
                                            {"issued_on", record->issued_on},
                                            {"valid_until", record->valid_until}};
    }
    const auto* seal = s.object(protocol::object::seal);
    out.field(tr("Seal"), seal == nullptr ? tr("none") : fill(tr("%1 bytes"), {std::to_string(seal->length)}));
    for (const auto& slot : s.slots) {
        std::string text = slot.has_key() ? algorithm_name(slot.algorithm) : tr("no private key");
        text +=
            slot.has_certificate() ? std::string(", ") + tr("certificate") : std::string(", ") + tr("no certificate");
        out.field(slot_text(slot.slot), text);
    }
    return Exit::ok;
}

}  // namespace

Run define_status(CLI::App&) { return status; }

}  // namespace sealkey::cli
