// sealkey renew
#include "renew/renewal.h"

#include <unistd.h>

#include <memory>
#include <optional>

#include "ca/error.h"
#include "cli/sealkey/commands.h"
#include "cli/sealkey/describe.h"
#include "cli/sealkey/pin_entry.h"
#include "renew/http_ca.h"

namespace sealkey::cli {

namespace {

struct RenewOptions {
    std::string ca;
    std::string tls_ca;
    bool insecure_http = false;
    SecretInput pin{"pin", "SEALKEY_PIN"};
};

struct StepText {
    renew::Step step;
    const char* text;
};
constexpr StepText kSteps[] = {
    {renew::Step::keys, mark("The key makes its new keys")},
    {renew::Step::request, mark("Asking the provider for the new certificates")},
    {renew::Step::load, mark("Loading the new certificates, the record and the seal")},
    {renew::Step::prove, mark("The new keys prove themselves")},
    {renew::Step::commit, mark("Changing over to the new keys")},
    {renew::Step::confirm, mark("Telling the provider that it is done")},
};

const char* text_of(renew::Step step) {
    for (const StepText& one : kSteps) {
        if (one.step == step) return tr(one.text);
    }
    return "";
}

// What a refusal of the CA means here. Its own words are English and follow.
struct RenewalFaultRow {
    const char* fault;
    Exit code;
    bool retry;  // the same command may succeed later, by itself
    const char* text;
};
constexpr RenewalFaultRow kFaults[] = {
    {"policy", Exit::not_allowed, false, mark("The provider doesn't allow the renewal now.")},
    {"expired", Exit::not_allowed, false, mark("The certificates ended too long ago: the key has to be replaced.")},
    {"forged", Exit::not_verified, false, mark("The provider doesn't accept a signature of this key.")},
    {"attestation", Exit::not_verified, false,
     mark("The provider isn't convinced that the new keys were made in this key.")},
    {"unknown", Exit::not_found, false, mark("The provider doesn't know this renewal.")},
    {"bad_request", Exit::failed, false, mark("The provider can't understand this program. It may be too old.")},
    {"over", Exit::not_verified, false,
     mark("The key is ready for another renewal, and nothing signed by the provider says that it is over.")},
    {"busy", Exit::not_allowed, true, mark("The provider is busy with the decryption key for this renewal.")},
    {"malformed", Exit::failed, true, mark("What answers at this address isn't a provider's renewal service.")},
};

constexpr const char* kSafe =
    mark("Nothing is lost: the key can be used as it is. Run the same command again to go on.");
// A key that is revoked or suspended, or whose certificates have ended, can't be used as it is.
constexpr const char* kAsk = mark("Running the same command again won't help by itself: ask your provider.");

Failed explain_refusal(const renew::Refusal& refusal, const nlohmann::json& details) {
    nlohmann::json all = details;
    all["fault"] = refusal.fault();
    all["detail"] = refusal.what();
    if (!refusal.defect().empty()) all["defect"] = refusal.defect();
    for (const RenewalFaultRow& row : kFaults) {
        if (refusal.fault() != row.fault) continue;
        return {row.code,
                std::string(tr(row.text)) + " (" + printable(refusal.what()) + ") " + tr(row.retry ? kSafe : kAsk),
                all};
    }
    return {Exit::failed, std::string(tr("The provider couldn't answer.")) + " " + tr(kSafe), all};
}

// A renewal that ended because the key did.
struct EndRow {
    const char* state;
    const char* text;
};
constexpr EndRow kEnds[] = {
    {"REVOKED", mark("Your provider has revoked this key.")},
    {"REPLACED", mark("Your provider has replaced this key by another one.")},
    {"TERMINATED", mark("Your provider has wiped this key for good.")},
};
constexpr const char* kEnded =
    mark("It can't be renewed any more; if you need a key, ask your provider for a new one.");

const char* end_of(const std::string& state) {
    for (const EndRow& row : kEnds) {
        if (state == row.state) return tr(row.text);
    }
    return tr("Your provider has taken this key out of service.");
}

// Steps as they come: a line each, and a bar of seconds for what takes long.
class Teller {
public:
    explicit Teller(Context& context) : context_(context) {}
    void operator()(renew::Step step, std::size_t done, std::size_t total) {
        if (step_ != step) {
            busy_.reset();
            step_ = step;
            context_.out.say(std::string(text_of(step)) + " ...");
        }
        // Again after a prompt for the PIN. Where there is no terminal the line above is enough.
        if (!busy_ && ::isatty(STDERR_FILENO) != 0) busy_.emplace(text_of(step));
        if (busy_ && total != 0) busy_->advance(done, total);
    }
    void end() { busy_.reset(); }
    // The PIN's prompt has the terminal for itself.
    void pause() { busy_.reset(); }
    [[nodiscard]] nlohmann::json details() const {
        return step_ ? nlohmann::json{{"step", renew::name_of(*step_)}} : nlohmann::json::object();
    }

private:
    Context& context_;
    std::optional<renew::Step> step_;
    std::optional<Busy> busy_;
};

Exit tell_result(Context& context, const std::string& serial, const renew::Result& result) {
    context.out.result = {{"serial", serial}};
    if (!result.rid.empty()) context.out.result["rid"] = result.rid;
    switch (result.outcome) {
        case renew::Outcome::not_approved:
            throw Failed(
                Exit::not_allowed,
                fill(tr("Your provider hasn't approved a renewal of key %1. Ask for one; then run this command "
                        "again. Nothing was changed."),
                     {serial}),
                {{"state", "not_approved"}});
        case renew::Outcome::refused:
            if (!result.key.empty()) {
                throw Failed(Exit::not_allowed, std::string(end_of(result.key)) + " " + tr(kEnded),
                             {{"state", "refused"}, {"remark", result.remark}, {"rid", result.rid}});
            }
            throw Failed(Exit::not_allowed,
                         fill(tr("Your provider refused the renewal: %1. The key stays as it is; correct the request "
                                 "and send it again."),
                              {printable(result.remark)}),
                         {{"state", "refused"}, {"remark", result.remark}, {"rid", result.rid}});
        case renew::Outcome::already_renewed:
            context.out.say(fill(tr("Key %1 is renewed already. There was nothing to do."), {serial}));
            context.out.result["state"] = "already_renewed";
            return Exit::ok;
        case renew::Outcome::renewed:
            break;
    }
    if (result.resumed) {
        context.out.say(
            fill(tr("An earlier run had come as far as \"%1\"; this one went on from there."), {text_of(result.from)}));
        context.out.result["resumed_at"] = renew::name_of(result.from);
    }
    std::string slots;
    for (const auto& slot : result.slots) slots += (slots.empty() ? "" : ", ") + slot;
    context.out.say(fill(tr("Key %1 is renewed (%2). The old certificates are revoked; files encrypted to the old key "
                            "still open. Programs that are running may have to be started again."),
                         {serial, slots}));
    context.out.result["state"] = "renewed";
    context.out.result["slots"] = result.slots;
    context.out.result["resumed"] = result.resumed;
    return Exit::ok;
}

Exit renew_key(Context& context, const RenewOptions& options) {
    const renew::Ask ask = [&] {
        try {
            return renew::http_ca(options.ca, options.tls_ca,
                                  options.insecure_http ? renew::Plain::anywhere : renew::Plain::to_this_machine);
        } catch (const renew::PlainHttp&) {
            throw Failed(Exit::usage,
                         fill(tr("%1 isn't encrypted: anybody on the way could read what is sent, and answer in the "
                                 "provider's place. Give the provider's address with https://, or --insecure-http if "
                                 "it told you to."),
                              {printable(options.ca)}));
        } catch (const std::invalid_argument&) {
            throw Failed(Exit::usage, fill(tr("%1 isn't the address of a provider: http://HOST or https://HOST."),
                                           {printable(options.ca)}));
        }
    }();
    FoundKey key = context.choice.open();
    Teller told(context);
    std::optional<SecretText> pin;
    const auto give_pin = [&]() -> Bytes {
        if (!pin) {
            told.pause();
            require_usable_pin(key.status);
            pin = options.pin.read(pin_prompt(key.status));
        }
        return pin->bytes();
    };
    try {
        const renew::Result result =
            renew::renew(*key.token, give_pin, ask,
                         [&](renew::Step step, std::size_t done, std::size_t total) { told(step, done, total); });
        told.end();
        if (!key.status.pin.verified && pin) key.token->logout();
        return tell_result(context, key.status.serial, result);
    } catch (const renew::Refusal& refusal) {
        told.end();
        throw explain_refusal(refusal, told.details());
    } catch (const renew::Unreachable& error) {
        told.end();
        nlohmann::json details = told.details();
        details["detail"] = error.what();
        throw Failed(Exit::no_service,
                     fill(tr("The provider can't be reached at %1 (%2)."), {printable(options.ca), error.what()}) +
                         " " + tr(kSafe),
                     details);
    } catch (const token::TokenError& error) {
        told.end();
        if (error.kind() == token::Kind::wrong_pin || error.kind() == token::Kind::locked)
            explain_wrong_pin(key, error);
        if (error.kind() == token::Kind::no_space) {
            throw Failed(Exit::not_allowed,
                         tr("The key has no room for another former decryption key. Nothing was changed; ask your "
                            "provider."),
                         told.details());
        }
        throw;
    } catch (const ca::CaError& error) {
        told.end();
        throw Failed(Exit::failed, fill(tr("Something unexpected happened: %1"), {error.what()}), told.details());
    }
}

}  // namespace

Run define_renew(CLI::App& command) {
    const auto options = std::make_shared<RenewOptions>();
    command.add_option("--ca", options->ca, tr("Address of the provider: http://HOST[:PORT][/PATH] or https://..."))
        ->required()
        ->type_name("URL");
    command
        .add_option("--tls-ca", options->tls_ca, tr("PEM file that the provider's server certificate is checked with"))
        ->type_name(tr("FILE"));
    command.add_flag("--insecure-http", options->insecure_http,
                     tr("Allow http:// to another machine: anybody on the way can hold the renewal up"));
    options->pin.add_to(command, tr("The PIN"));
    return [options](Context& context) { return renew_key(context, *options); };
}

}  // namespace sealkey::cli
