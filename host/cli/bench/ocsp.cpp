// sealkey-bench ocsp
#include "bench/ocsp_server.h"
#include "cli/bench/bench_common.h"
#include "cli/bench/serving.h"

namespace sealkey::cli {

namespace {

struct OcspOptions {
    BenchOptions bench;
    std::string listen = "127.0.0.1";
    int port = 0;
    int days = 30;
};

Exit ocsp(Context& context, const OcspOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const auto inventory = options.bench.inventory(authority);
    // The CA's key is needed for this one certificate only, and is gone before the first question comes.
    ca::OcspSigner signer = [&] {
        const SecretText passphrase = options.bench.passphrase();
        const ca::PKey issuing = authority.issuing_key(passphrase.bytes());
        return ca::make_ocsp_signer(authority.issuing(), issuing.get(), ca::now(),
                                    ca::now() + std::chrono::hours(24) * options.days);
    }();
    {
        bench::Inventory::Work work(*inventory, options.bench.operator_name());
        work.audit("ocsp-signer", ca::serial_of(signer.certificate.get()), {{"days", options.days}});
        work.commit();
    }
    bench::OcspServer server(*inventory, authority, std::move(signer),
                             [&](const std::string& line) { context.out.note(printable(line)); });
    const int port = server.bind(options.listen, options.port);
    context.out.note(fill(tr("Certificates are answered for at %1. Ctrl-C ends it."),
                          {"http://" + options.listen + ":" + std::to_string(port)}));
    serve_until_signal(server);
    context.out.result = {{"listen", options.listen}, {"port", port}};
    return Exit::ok;
}

}  // namespace

Run define_ocsp(CLI::App& command) {
    auto options = std::make_shared<OcspOptions>();
    options->bench.add_to(command, true);
    command.add_option("--listen", options->listen, tr("Address to listen at (127.0.0.1 if not given)"))
        ->type_name(tr("ADDRESS"));
    command.add_option("--port", options->port, tr("Port (any that is free if not given)"))
        ->check(CLI::Range(0, 65535))
        ->type_name(tr("NUMBER"));
    command.add_option("--days", options->days, tr("Days that it can answer before it must be started again"))
        ->check(CLI::Range(1, 365))
        ->type_name(tr("DAYS"));
    return explained([options](Context& context) { return ocsp(context, *options); });
}

}  // namespace sealkey::cli
