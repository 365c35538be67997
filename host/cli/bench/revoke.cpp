// sealkey-bench revoke, crl
#include "ca/crl.h"

#include <utility>
#include <vector>

#include "cli/bench/bench_common.h"
#include "cli/bench/crl.h"

namespace sealkey::cli {

namespace {

constexpr int kDefaultDays = 7;

struct Options {
    BenchOptions bench;
    std::string reason = "unspecified";
    std::string why;
    int days = 0;
};

std::string reasons() {
    std::string text;
    for (const char* one : ca::revocation_reasons()) text += (text.empty() ? "" : ", ") + std::string(one);
    return text;
}

Exit revoke(Context& context, const Options& options) {
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

Exit crl(Context& context, const Options& options) {
    const ca::Authority authority(options.bench.directory());
    const SecretText passphrase = options.bench.passphrase();
    const auto inventory = options.bench.inventory(authority);
    write_crl(context, authority, *inventory, passphrase.bytes(), options.bench.operator_name(), options.days);
    return Exit::ok;
}

// Another bench may have made a newer list meanwhile, which holds what is on this one: it isn't overwritten.
void publish(const ca::Authority& authority, bench::Inventory& inventory, const std::string& operator_name,
             const X509_CRL* list, std::uint64_t number) {
    const bench::Inventory::Work alone(inventory, operator_name);  // nothing is changed: never committed
    if (inventory.crl_number() != number) return;
    const auto der = ca::der_of(list);
    try {
        ca::write_file(authority.path("crl.pem"), ca::pem_of(list), false);
        ca::write_file(authority.path("crl.der"), std::string(der.begin(), der.end()), false);
    } catch (const ca::CaError& error) {
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
    const ca::Time next = ca::now() + std::chrono::hours(24) * (days != 0 ? days : kDefaultDays);
    std::vector<ca::Revoked> revoked;
    std::uint64_t number = 0;
    ca::Crl list;
    {
        bench::Inventory::Work work(inventory, operator_name);
        revoked = inventory.revoked();
        number = work.next_crl_number();
        list = ca::make_crl(authority.issuing(), key.get(), revoked, number, ca::now(), next);
        work.audit("crl", std::to_string(number),
                   {{"entries", revoked.size()}, {"sha256", ca::sha256_hex(ca::der_of(list.get()))}});
        work.commit();
    }
    // The number is used up before the list is seen: whatever ends this here, the next list has another.
    publish(authority, inventory, operator_name, list.get(), number);
    context.out.say(
        fill(tr("Revocation list number %1, %2 certificates, next by %3: %4"),
             {std::to_string(number), std::to_string(revoked.size()), ca::iso_time(next), authority.path("crl.pem")}));
    context.out.result["crl"] = {{"number", number},
                                 {"entries", revoked.size()},
                                 {"next_update", ca::iso_time(next)},
                                 {"pem", authority.path("crl.pem")},
                                 {"der", authority.path("crl.der")}};
}

Run define_revoke(CLI::App& command) {
    auto options = std::make_shared<Options>();
    options->bench.add_to(command, true);
    command.add_option("--reason", options->reason, reasons())->type_name(tr("REASON"));
    command.add_option("--why", options->why, tr("In words, for the audit trail"))->required()->type_name(tr("TEXT"));
    command.add_option("--crl-days", options->days, tr("Days until the next list at the latest"))
        ->check(CLI::Range(1, 365))
        ->type_name(tr("DAYS"));
    return explained([options](Context& context) { return revoke(context, *options); });
}

Run define_crl(CLI::App& command) {
    auto options = std::make_shared<Options>();
    options->bench.add_to(command, true);
    command.add_option("--crl-days", options->days, tr("Days until the next list at the latest"))
        ->check(CLI::Range(1, 365))
        ->type_name(tr("DAYS"));
    return explained([options](Context& context) { return crl(context, *options); });
}

}  // namespace sealkey::cli
