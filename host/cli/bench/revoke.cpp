// sealkey-bench revoke, crl
#include "ca/crl.h"

#include "bench/crl_file.h"
#include "cli/bench/bench_common.h"
#include "cli/bench/crl.h"

namespace sealkey::cli {

namespace {

constexpr int kDefaultDays = 7;
constexpr int kDefaultRootDays = 180;  // root.key is fetched from its safe for it

struct RevokeOptions {
    BenchOptions bench;
    std::string reason = "unspecified";
    std::string why;
    int days = 0;
    bool root = false;
    bool seal_root = false;
    std::string maker_reason;  // empty: the maker isn't revoked
};

std::string reasons() {
    std::string text;
    for (const char* one : ca::revocation_reasons()) text += (text.empty() ? "" : ", ") + std::string(one);
    return text;
}

Exit revoke(Context& context, const RevokeOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const std::string serial = required_serial(context);
    ca::check_revocation_reason(options.reason);
    // Known to be right before anything is written: the list must follow.
    const SecretText passphrase = options.bench.passphrase();
    (void)authority.issuing_key(passphrase.bytes());
    const auto inventory = options.bench.inventory(authority);
    int count = 0;
    {
        const bench::TokenRow row = inventory->token(serial);
        bench::Inventory::Work work(*inventory, options.bench.operator_name());
        count = work.revoke_certificates(serial, options.reason, ca::now());
        if (row.state != bench::TokenState::revoked) work.set_state(serial, bench::TokenState::revoked, options.why);
        work.commit();
    }
    context.out.say(fill(tr("Key %1 is revoked: %2 certificates."), {serial, std::to_string(count)}));
    context.out.result = {{"serial", serial}, {"revoked", count}, {"reason", options.reason}};
    write_crl(context, authority, *inventory, passphrase.bytes(), options.bench.operator_name(), options.days);
    return Exit::ok;
}

void tell(Context& context, const ca::Authority& authority, const bench::WrittenCrl& list, const std::string& name) {
    context.out.say(fill(tr("Revocation list number %1, %2 certificates, next by %3: %4"),
                         {std::to_string(list.number), std::to_string(list.entries), ca::iso_time(list.next),
                          authority.path(name + ".pem")}));
    context.out.result["crl"] = {{"number", list.number},
                                 {"entries", list.entries},
                                 {"next_update", ca::iso_time(list.next)},
                                 {"pem", authority.path(name + ".pem")},
                                 {"der", authority.path(name + ".der")}};
}

Exit crl(Context& context, const RevokeOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const SecretText passphrase = options.bench.passphrase();
    const auto inventory = options.bench.inventory(authority);
    if (options.root) {
        const ca::PKey key = authority.root_key(passphrase.bytes());
        const int days = options.days != 0 ? options.days : kDefaultRootDays;
        tell(context, authority,
             bench::write_root_crl_files(*inventory, authority, key.get(), options.bench.operator_name(), days),
             "root-crl");
        return Exit::ok;
    }
    if (options.seal_root) {
        const ca::PKey key = authority.seal_root_key(passphrase.bytes());
        const int days = options.days != 0 ? options.days : kDefaultRootDays;
        tell(context, authority,
             bench::write_seal_crl_files(*inventory, authority, key.get(), options.bench.operator_name(), days,
                                         options.maker_reason),
             "seal-crl");
        return Exit::ok;
    }
    write_crl(context, authority, *inventory, passphrase.bytes(), options.bench.operator_name(), options.days);
    return Exit::ok;
}

// The list, or what stands where and what to do when its files can't be written.
bench::WrittenCrl written(const ca::Authority& authority, bench::Inventory& inventory, EVP_PKEY* key,
                          const std::string& operator_name, int days) {
    try {
        return bench::write_crl_files(inventory, authority, key, operator_name, days);
    } catch (const ca::CaError& error) {
        if (error.fault() != ca::Fault::file) throw;
        const Failed why = explain(error);
        throw Failed(why.code(),
                     fill(tr("%1 What is revoked stands in the inventory, but the published revocation list doesn't "
                             "have it yet. Make room and run `sealkey-bench crl`."),
                          {why.what()}),
                     why.details());
    }
}

}  // namespace

void write_crl(Context& context, const ca::Authority& authority, bench::Inventory& inventory, Bytes passphrase,
               const std::string& operator_name, int days) {
    const ca::PKey key = authority.issuing_key(passphrase);
    const bench::WrittenCrl list =
        written(authority, inventory, key.get(), operator_name, days != 0 ? days : kDefaultDays);
    tell(context, authority, list, "crl");
}

Run define_revoke(CLI::App& command) {
    auto options = std::make_shared<RevokeOptions>();
    options->bench.add_to(command, true);
    command.add_option("--reason", options->reason, reasons())->type_name(tr("REASON"));
    command.add_option("--why", options->why, tr("In words, for the audit trail"))->required()->type_name(tr("TEXT"));
    command.add_option("--crl-days", options->days, tr("Days until the next list at the latest"))
        ->check(CLI::Range(1, 365))
        ->type_name(tr("DAYS"));
    return explained([options](Context& context) { return revoke(context, *options); });
}

Run define_crl(CLI::App& command) {
    auto options = std::make_shared<RevokeOptions>();
    options->bench.add_to(command, true);
    command.add_option("--crl-days", options->days, tr("Days until the next list at the latest"))
        ->check(CLI::Range(1, 365))
        ->type_name(tr("DAYS"));
    auto* root =
        command.add_flag("--root", options->root,
                         tr("The root's own list, root-crl.pem, which programs want beside this one (needs root.key)"));
    auto* seals = command.add_flag("--seal-root", options->seal_root,
                                   tr("The list of the root for seals, seal-crl.pem, about makers of seals (needs "
                                      "seal-root.key)"));
    seals->excludes(root);
    command
        .add_option("--revoke-maker", options->maker_reason, tr("Revoke the present maker of seals, for this reason"))
        ->needs(seals)
        ->type_name(tr("REASON"));
    return explained([options](Context& context) { return crl(context, *options); });
}

}  // namespace sealkey::cli
