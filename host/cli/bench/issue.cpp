// sealkey-bench issue
#include "bench/issue.h"

#include <functional>
#include <utility>

#include "bench/unlock_desk.h"
#include "cli/bench/bench_common.h"
#include "cli/bench/crl.h"
#include "cli/bench/step_text.h"
#include "transport/usb/provider.h"

namespace sealkey::cli {

namespace {

struct IssueOptions {
    BenchOptions bench;
    bench::Order order;
    std::string order_file;
    std::string birth_file;
    CodeOutput code;
    CLI::App* command = nullptr;
};

struct StepText {
    bench::Step step;
    const char* text;
};
constexpr StepText kSteps[] = {
    {bench::Step::admit, mark("Checking the order")},
    {bench::Step::birth, mark("Giving the key its own secrets")},
    {bench::Step::keys, mark("Making three keys on the token, that it attests, and their certificates")},
    {bench::Step::contents, mark("Writing record, issuer's certificate and seal")},
    {bench::Step::check_a, mark("Quality check A: each key is used")},
    {bench::Step::secure, mark("Closing the key")},
    {bench::Step::check_b, mark("Quality check B: contents compared, old secrets tried")},
    {bench::Step::done, mark("Noting that the key is finished")},
};

bench::Order order_of(const IssueOptions& options) {
    if (options.order_file.empty()) return options.order;
    for (const CLI::Option* option : options.command->get_options()) {
        if (option->count() != 0 && option->get_group() == tr("The order")) {
            throw Failed(Exit::usage, tr("Give the order as a file or by options, not both."));
        }
    }
    const auto json = nlohmann::json::parse(ca::read_file(options.order_file), nullptr, false);
    if (json.is_discarded())
        throw Failed(Exit::bad_input, fill(tr("%1 isn't JSON. Nothing was done."), {options.order_file}));
    return bench::order_of_json(json);
}

// A picture named in an order file lies beside it.
std::string picture_path(const IssueOptions& options, const bench::Order& order) {
    const auto slash = options.order_file.rfind('/');
    const bool beside = order.seal_image.front() != '/' && slash != std::string::npos;
    return beside ? options.order_file.substr(0, slash + 1) + order.seal_image : order.seal_image;
}

// What the operator must know when a step fails: what is safe, and what to do.
std::string advice(bench::Step step, const std::string& serial) {
    if (serial.empty()) return tr("Nothing was done.");
    if (step == bench::Step::admit) return fill(tr("Key %1 was left as it is."), {serial});
    if (step == bench::Step::check_a || step == bench::Step::check_b) {
        return fill(
            tr("Don't deliver key %1. Run the same command again to repeat the check; if it fails again, take another "
               "key and order it as a replacement (--kind replacement --replaces %1 --lost-or-damaged damaged --reason "
               "\"failed its check\", or these fields in the order's file): it keeps the login name, and this one is "
               "revoked. Don't revoke this one by hand before: then its login name is used up."),
            {serial});
    }
    return fill(tr("Nothing is lost: key %1 stays as far as it came. Plug the same key in and run the same command "
                   "again: it goes on here."),
                {serial});
}

[[noreturn]] void fail_at(const bench::IssueJob& job, const Failed& why) {
    nlohmann::json details = why.details();
    details["step"] = bench::name_of(job.step());
    details["serial"] = job.serial();
    throw Failed(
        why.code(),
        fill(tr("Stopped at \"%1\": %2 %3"), {step_text(job.step()), why.what(), advice(job.step(), job.serial())}),
        details);
}

// `admitted` is called once, before the first step after the order was taken into the inventory.
bench::IssueResult run_job(bench::IssueJob& job, const Output& out, std::function<void()> admitted) {
    std::unique_ptr<Busy> busy;
    try {
        return job.run([&](bench::Step step) {
            busy.reset();
            if (step > bench::Step::admit && admitted) std::exchange(admitted, nullptr)();
            out.say(std::string("  ") + step_text(step));
            busy = std::make_unique<Busy>(step_text(step));
        });
    } catch (const ca::CaError& error) {
        busy.reset();
        fail_at(job, explain(error));
    } catch (const token::TokenError& error) {
        busy.reset();
        fail_at(job, explain(error));
    } catch (const transport::TransportError& error) {
        busy.reset();
        fail_at(job, explain(error));
    } catch (const seal::SealError& error) {
        busy.reset();
        fail_at(job, explain_seal(error));
    } catch (const soci::soci_error& error) {
        busy.reset();
        fail_at(job, explain(error));
    } catch (const Failed& failed) {
        busy.reset();
        fail_at(job, failed);
    }
}

void report(Context& context, const bench::IssueResult& result) {
    auto certificates = nlohmann::json::array();
    for (const auto& row : result.certificates) {
        certificates.push_back({{"slot", row.slot}, {"serial", row.serial}, {"not_after", row.not_after}});
    }
    context.out.say(fill(tr("Key %1 is finished."), {result.row.serial}));
    context.out.field(tr("Login name"), result.row.login_name);
    context.out.field(tr("Key number"), fill(tr("%1 of %2"), {std::to_string(result.row.key_number),
                                                              std::to_string(bench::kKeysPerEnterprise)}));
    context.out.field(tr("Profile"), result.row.profile);
    if (!result.replaced.empty()) context.out.field(tr("Replaces"), result.replaced);
    context.out.result.update({{"serial", result.row.serial},
                               {"numeric_serial", result.row.numeric_serial},
                               {"login_name", result.row.login_name},
                               {"key_number", result.row.key_number},
                               {"profile", result.row.profile},
                               {"resumed", result.resumed},
                               {"replaced", result.replaced},
                               {"certificates", certificates},
                               {"checks", result.checks}});
}

// The key is finished whatever happens here: who reads the failure must not order another.
void deliver_code(Context& context, const CodeOutput& output, bench::Inventory& inventory, const ca::Masters& masters,
                  const std::string& serial, const std::string& operator_name) {
    const auto still_to_do = [&](const Failed& why) {
        nlohmann::json details = why.details();
        details["serial"] = serial;
        details["step"] = "code";
        return Failed(why.code(),
                      fill(tr("Key %1 is finished and can be delivered, but its activation code wasn't handed out: %2 "
                              "Get it with: sealkey-bench activation-code --serial %1 --code-file FILE"),
                           {serial, why.what()}),
                      details);
    };
    try {
        auto given = bench::give_activation_code(inventory, masters, serial, operator_name);
        const CodeWiper wiper(given.code);
        output.deliver(context, given.code);
    } catch (const Failed& why) {
        throw still_to_do(why);
    } catch (const ca::CaError& error) {
        throw still_to_do(explain(error));
    } catch (const soci::soci_error& error) {
        throw still_to_do(explain(error));
    }
}

void require_pcsc() {
    const char* sockets = std::getenv("SEALKEY_SIM_SOCKETS");
    if (sockets != nullptr && *sockets != 0) {
        throw Failed(Exit::no_service,
                     tr("A key is made in a PC/SC reader: its quality check is done by OpenSC, which "
                        "doesn't see simulators at sockets (SEALKEY_SIM_SOCKETS). Nothing was done."));
    }
    if (transport::usb_is_chosen()) {
        throw Failed(Exit::no_service, tr("A key is made in a PC/SC reader: its quality check is done by OpenSC, which "
                                          "can't reach a key that is used over USB (SEALKEY_USB). Nothing was done."));
    }
}

Exit issue(Context& context, const IssueOptions& options) {
    require_pcsc();
    bench::IssueInput input;
    input.order = order_of(options);
    bench::check_order(input.order);
    const bool shipping = bench::profile_of(input.order) == protocol::Profile::shipping;
    if (options.code.wanted()) options.code.require_place();
    if (!input.order.seal_image.empty()) {
        const std::string content = ca::read_file(picture_path(options, input.order));
        input.picture.assign(content.begin(), content.end());
    }
    if (!shipping) {
        context.out.note(
            tr("Warning: a key of the compatibility profile keeps published secrets (PIN 123456). It is for "
               "tests, never for an enterprise."));
    }
    const auto algorithm = bench::algorithm_of(input.order);
    if (algorithm == protocol::Algorithm::rsa3072 || algorithm == protocol::Algorithm::rsa4096) {
        context.out.note(tr("Warning: the drivers that come with Windows and macOS can't use RSA-3072 and RSA-4096."));
    }
    std::optional<bench::BirthRecord> birth;
    if (!options.birth_file.empty()) birth = bench::read_birth_record(options.birth_file);
    input.birth = birth ? &*birth : nullptr;
    input.operator_name = options.bench.operator_name();

    const ca::Authority authority(options.bench.directory());
    const SecretText passphrase = options.bench.passphrase();
    const auto inventory = options.bench.inventory(authority);
    FoundKey key = context.choice.open();
    input.reader = key.reader;
    const bench::BenchKeys keys(authority, passphrase.bytes());
    bench::IssueJob job(*inventory, authority, keys, *key.token, input);
    // N3: the old key's certificates are on the list before anything of the new key is made, however that ends.
    const auto publish = [&] {
        if (input.order.kind == "replacement")
            write_crl(context, authority, *inventory, passphrase.bytes(), input.operator_name, 0);
    };
    const auto result = run_job(job, context.out, publish);
    if (inventory->list_is_behind()) {
        write_crl(context, authority, *inventory, passphrase.bytes(), input.operator_name, 0);
    }
    report(context, result);
    if (shipping && options.code.wanted()) {
        deliver_code(context, options.code, *inventory, keys.masters, result.row.serial, input.operator_name);
    } else if (shipping) {
        context.out.say(
            fill(tr("Its activation code: sealkey-bench activation-code --serial %1"), {result.row.serial}));
    }
    return Exit::ok;
}

}  // namespace

const char* step_text(bench::Step step) { return tr(kSteps[static_cast<std::size_t>(step)].text); }

Run define_issue(CLI::App& command) {
    auto options = std::make_shared<IssueOptions>();
    options->command = &command;
    options->bench.add_to(command, true);
    command.add_option("--birth-record", options->birth_file, tr("The factory's record of the blank key"))
        ->type_name(tr("FILE"));
    command.add_option("--order", options->order_file, tr("The order as a JSON file"))->type_name(tr("FILE"));
    auto& order = options->order;
    const auto text = [&](const char* name, std::string& member, const char* help) {
        command.add_option(name, member, help)->group(tr("The order"))->type_name(tr("TEXT"));
    };
    text("--kind", order.kind, tr("first, additional or replacement"));
    text("--name", order.enterprise_name, tr("Name of the enterprise"));
    text("--english-name", order.english_name, tr("Its English name"));
    text("--code", order.unified_code, tr("Its unified social credit code, 18 characters"));
    text("--old-code", order.old_code, tr("Its old code, 13 characters"));
    text("--login-name", order.login_name, tr("Login name (a replacement keeps the old one)"));
    text("--user", order.authorised_user, tr("Who will hold the key"));
    text("--request", order.request, tr("The approved request that this is for"));
    text("--reason", order.reason, tr("Reason for an additional key or a replacement"));
    text("--replaces", order.replaces, tr("Serial number of the key that is replaced"));
    text("--lost-or-damaged", order.lost_or_damaged, tr("What happened to the key that is replaced: lost or damaged"));
    text("--algorithm", order.algorithm, tr("rsa2048, p256, p384, rsa3072 or rsa4096"));
    text("--decryption-key", order.decryption_key, tr("Where 9D is made: token, or centre (the CA's key centre)"));
    text("--profile", order.profile, tr("shipping, or compatibility (for tests only)"));
    text("--seal-image", order.seal_image, tr("Picture of the seal: a PNG file"));
    text("--seal-name", order.seal_name, tr("Name of the seal (the enterprise's name if not given)"));
    const auto number = [&](const char* name, int& member, const char* help) {
        command.add_option(name, member, help)
            ->group(tr("The order"))
            ->type_name(tr("NUMBER"))
            ->check(CLI::Range(0, 100000));
    };
    number("--valid-days", order.valid_days, tr("Days that the certificates are valid"));
    number("--seal-width", order.seal_width_mm, tr("Width of the seal in millimetres"));
    number("--seal-height", order.seal_height_mm, tr("Height of the seal in millimetres"));
    options->code.add_to(command, tr("Write the activation code to this new file"));
    return explained([options](Context& context) { return issue(context, *options); });
}

}  // namespace sealkey::cli
