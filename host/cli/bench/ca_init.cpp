// sealkey-bench ca init, ca show, ca device-root, ca channel-master, ca seal-maker
#include "ca/channel_master.h"
#include "cli/bench/bench_common.h"

namespace sealkey::cli {

namespace {

struct CaInitOptions {
    BenchOptions bench;
    ca::Settings settings;
    CLI::App* init = nullptr;
    CLI::App* device_root = nullptr;
    CLI::App* channel_master = nullptr;
    CLI::App* seal_maker = nullptr;
};

void tell(Context& context, const ca::Authority& authority) {
    const auto& settings = authority.settings();
    context.out.field(tr("Folder"), authority.directory());
    context.out.field(tr("Name"), settings.name);
    context.out.field(tr("Issuing CA valid until"), ca::iso_time(ca::time_of(X509_get0_notAfter(authority.issuing()))));
    context.out.field(tr("Seal maker valid until"),
                      ca::iso_time(ca::time_of(X509_get0_notAfter(authority.seal_maker()))));
    context.out.field(tr("Extension with the enterprise code"), settings.code_extension);
    context.out.field(tr("Device roots that are trusted"), std::to_string(authority.device_roots().size()));
    context.out.field(tr("Oldest firmware that is taken"), settings.least_firmware);
    context.out.field(tr("Key centre"), settings.key_centre.empty() ? tr("none") : settings.key_centre);
    context.out.field(tr("Address of the CRL"), settings.crl_url.empty() ? tr("none") : settings.crl_url);
    context.out.field(tr("Address of the OCSP responder"), settings.ocsp_url.empty() ? tr("none") : settings.ocsp_url);
    context.out.field(tr("Inventory"),
                      settings.inventory.empty() ? authority.path("inventory.sqlite") : settings.inventory);
    auto device_roots = nlohmann::json::array();
    for (const auto& root : authority.device_roots()) device_roots.push_back(ca::serial_of(root.get()));
    context.out.result = {{"directory", authority.directory()},
                          {"name", settings.name},
                          {"key_type", settings.key_type},
                          {"code_extension", settings.code_extension},
                          {"crl_url", settings.crl_url},
                          {"ocsp_url", settings.ocsp_url},
                          {"root", authority.path("root.pem")},
                          {"issuing", authority.path("issuing.pem")},
                          {"seal_root", authority.path("seal-root.pem")},
                          {"seal_maker", authority.path("seal-maker.pem")},
                          {"seal_maker_serial", ca::serial_of(authority.seal_maker())},
                          {"device_roots", device_roots},
                          {"least_firmware", settings.least_firmware},
                          {"key_centre", settings.key_centre},
                          {"inventory", settings.inventory},
                          {"issuing_not_after", ca::iso_time(ca::time_of(X509_get0_notAfter(authority.issuing())))}};
}

Exit init(Context& context, const CaInitOptions& options) {
    const std::string directory = options.bench.directory();
    const std::string& url = options.settings.inventory;
    if (!url.empty()) bench::check_database_url(url);
    const SecretText passphrase = options.bench.passphrase(true);
    ca::Authority::check_new(directory, options.settings, passphrase.bytes());
    // The database first: what a server refuses isn't found out with half a CA made.
    std::unique_ptr<bench::Inventory> inventory;
    if (!url.empty()) {
        inventory = std::make_unique<bench::Inventory>(url, bench::Missing::make);
        bench::Inventory::Work(*inventory, "").belong_to("?");  // never committed
    }
    {
        const Busy busy(tr("Making the keys of the CA"));
        ca::Authority::create(directory, options.settings, passphrase.bytes(), ca::now());
    }
    const ca::Authority authority(directory);
    {
        if (!inventory) inventory = options.bench.inventory(authority);
        bench::Inventory::Work work(*inventory, options.bench.operator_name());
        work.belong_to(ca::serial_of(authority.root()));
        work.audit("ca-init", options.settings.name, {{"issuing", ca::serial_of(authority.issuing())}});
        work.commit();
    }
    context.out.say(tr("The CA is made."));
    tell(context, authority);
    context.out.note(
        tr("Take root.key and seal-root.key to a safe place away from this machine: nothing here needs "
           "them again until the CA is renewed. Keep a copy of the whole folder and of the passphrase: "
           "without them no key can be unlocked or renewed."));
    return Exit::ok;
}

Exit add_device_root(Context& context, const CaInitOptions& options) {
    ca::Authority authority(options.bench.directory());
    const SecretText passphrase = options.bench.passphrase();
    authority.add_device_root(passphrase.bytes(), ca::now());
    const auto inventory = options.bench.inventory(authority);
    bench::Inventory::Work work(*inventory, options.bench.operator_name());
    work.audit("device-root", authority.settings().name, {{"device_root", ca::serial_of(authority.device_root())}});
    work.commit();
    context.out.say(tr("The device root is made."));
    tell(context, authority);
    return Exit::ok;
}

Exit new_seal_maker(Context& context, const CaInitOptions& options) {
    ca::Authority authority(options.bench.directory());
    const SecretText passphrase = options.bench.passphrase();
    const std::string former = ca::serial_of(authority.seal_maker());
    const auto inventory = options.bench.inventory(authority);
    authority.replace_seal_maker(passphrase.bytes(), ca::now());
    bench::Inventory::Work work(*inventory, options.bench.operator_name());
    work.audit("seal-maker", ca::serial_of(authority.seal_maker()), {{"former", former}});
    work.commit();
    context.out.say(
        tr("The CA has a new maker of seals. Seals of the former one stay as they are. Take seal-root.key back "
           "to its safe place, and keep a new copy of the folder."));
    tell(context, authority);
    return Exit::ok;
}

// For a CA that was made before keys had a secure channel.
Exit channel_master(Context& context, const CaInitOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const SecretText passphrase = options.bench.passphrase();
    (void)authority.masters(passphrase.bytes());  // one passphrase for the whole folder
    const auto inventory = options.bench.inventory(authority);
    ca::create_channel_master(authority.directory(), passphrase.bytes());
    bench::Inventory::Work work(*inventory, options.bench.operator_name());
    work.audit("channel-master", authority.settings().name, {});
    work.commit();
    context.out.say(
        tr("The CA has a channel master now. Keep a new copy of its folder: without it no key that is made "
           "from now on can be reached by the bench again."));
    context.out.result = {{"directory", authority.directory()}};
    return Exit::ok;
}

}  // namespace

Run define_ca(CLI::App& command) {
    auto options = std::make_shared<CaInitOptions>();
    command.require_subcommand(1);
    options->init = command.add_subcommand("init", tr("Make a CA in an empty folder"));
    CLI::App* show = command.add_subcommand("show", tr("Show the CA's settings"));
    options->device_root =
        command.add_subcommand("device-root", tr("Give a device root to a CA that was made before there were any"));
    options->channel_master =
        command.add_subcommand("channel-master", tr("Give a CA of before the secure channel its channel master"));
    options->seal_maker = command.add_subcommand("seal-maker", tr("Make a new maker of seals (needs seal-root.key)"));
    auto& settings = options->settings;
    CLI::App& make = *options->init;
    for (CLI::App* sub : {options->init, show, options->device_root, options->channel_master, options->seal_maker}) {
        sub->fallthrough();
        sub->group(tr("Commands"));
    }
    options->bench.add_to(command, true);
    make.add_option("--name", settings.name, tr("Name of the CA provider, for its certificates"))
        ->required()
        ->type_name(tr("NAME"));
    make.add_option("--key-type", settings.key_type, tr("p256 or rsa3072"))
        ->capture_default_str()
        ->type_name(tr("TYPE"));
    make.add_option("--crl-url", settings.crl_url, tr("Where programs find the CRL: http://..."))->type_name(tr("URL"));
    make.add_option("--ocsp-url", settings.ocsp_url, tr("Where programs find the OCSP responder: http://..."))
        ->type_name(tr("URL"));
    make.add_option("--code-extension", settings.code_extension,
                    tr("OID of the extension with the unified social credit code"))
        ->capture_default_str()
        ->type_name("OID");
    make.add_option("--certificate-days", settings.certificate_days,
                    tr("Days that an enterprise's certificate is valid"))
        ->capture_default_str()
        ->type_name(tr("DAYS"));
    make.add_option("--least-firmware", settings.least_firmware, tr("Keys with older firmware get no certificate"))
        ->capture_default_str()
        ->type_name(tr("VERSION"));
    make.add_option("--key-centre", settings.key_centre,
                    tr("The program that orders decryption keys from a key centre, by its whole path"))
        ->type_name(tr("PROGRAM"));
    make.add_option("--inventory", settings.inventory,
                    tr("PostgreSQL database for the inventory, without a password: postgresql://..."))
        ->type_name(tr("URL"));
    make.add_option("--issuing-days", settings.issuing_days, tr("Days that the issuing CA is valid"))
        ->capture_default_str()
        ->type_name(tr("DAYS"));
    return explained([options](Context& context) {
        if (options->init->parsed()) return init(context, *options);
        if (options->device_root->parsed()) return add_device_root(context, *options);
        if (options->channel_master->parsed()) return channel_master(context, *options);
        if (options->seal_maker->parsed()) return new_seal_maker(context, *options);
        tell(context, ca::Authority(options->bench.directory()));
        return Exit::ok;
    });
}

}  // namespace sealkey::cli
