// sealkey-bench lock-statement check, unlock, reset-code, reset-done, activation-code
#include "bench/unlock_desk.h"
#include "cli/bench/bench_common.h"
#include "cli/common/progress.h"
#include "protocol/key.h"

namespace sealkey::cli {

namespace {

// The statement: from a file (binary or hexadecimal text), or from the key that is plugged in.
struct StatementSource {
    std::string file;
    bool from_key = false;

    void add_to(CLI::App& command) {
        command.add_option("--statement", file, tr("The lock statement: a file, binary or hexadecimal"))
            ->type_name(tr("FILE"));
        command.add_flag("--from-key", from_key, tr("Read the lock statement from the key that is plugged in"));
    }
    [[nodiscard]] bool given() const { return from_key || !file.empty(); }
    [[nodiscard]] ca::ByteVector read(const Context& context) const {
        if (given() && from_key == !file.empty())
            throw Failed(Exit::usage, tr("Give --statement FILE or --from-key, one of them."));
        if (!given()) throw Failed(Exit::usage, tr("Give the lock statement: --statement FILE, or --from-key."));
        if (from_key) {
            FoundKey key = context.choice.open();
            const auto statement = key.token->lock_statement();
            if (!statement)
                throw Failed(Exit::not_allowed,
                             fill(tr("Key %1 isn't locked: it has no lock statement."), {key.status.serial}));
            return {statement->bytes.begin(), statement->bytes.end()};
        }
        const std::string content = ca::read_file(file);
        if (content.size() == protocol::kLockStatementSize) return {content.begin(), content.end()};
        return ca::unhex(content);
    }
};

// A passphrase takes its time to be stretched, on an old office PC seconds.
ca::Masters masters_of(const ca::Authority& authority, const SecretText& passphrase) {
    const Busy busy(tr("Opening the CA's secrets"));
    return authority.masters(passphrase.bytes());
}

struct CodesOptions {
    BenchOptions bench;
    StatementSource statement;
    CodeOutput code;
    std::string approval;
    std::string request_code;
    std::string second_operator;
    int counter = 0;
    std::string proof;
};

void require_same_key(const Context& context, const std::string& serial) {
    if (!context.choice.serial().empty() && context.choice.serial() != serial) {
        throw Failed(Exit::bad_input, fill(tr("The lock statement is that of key %1, not of %2. No code was given."),
                                           {serial, context.choice.serial()}));
    }
}

std::string statement_serial(const ca::ByteVector& bytes) {
    if (bytes.size() != protocol::kLockStatementSize) return {};
    return {bytes.begin() + 2, bytes.begin() + 2 + protocol::kSerialSize};
}

Exit check(Context& context, const CodesOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const auto bytes = options.statement.read(context);
    const SecretText passphrase = options.bench.passphrase();
    const auto inventory = options.bench.inventory(authority);
    const auto checked =
        bench::check_statement(*inventory, masters_of(authority, passphrase), bytes, options.bench.operator_name());
    const auto& lock = checked.statement.lock;
    const bool activation = lock.state == protocol::LockState::activation_pending;
    context.out.say(fill(tr("The statement is genuine: key %1 is locked."), {checked.row.serial}));
    context.out.field(tr("Enterprise"), checked.row.unified_code);
    context.out.field(tr("Waits for"), activation ? tr("its activation code") : tr("a reset code"));
    context.out.field(tr("Lock number"), std::to_string(lock.counter));
    context.out.field(tr("Request code"), token::format_request_code(lock.counter, lock.salt));
    context.out.field(tr("Code tries left"), std::to_string(lock.code_tries_left));
    if (checked.code_given) context.out.say(tr("A code was given for this lock before. It is the same one."));
    context.out.result = {{"serial", checked.row.serial},
                          {"unified_code", checked.row.unified_code},
                          {"counter", lock.counter},
                          {"salt", lock.salt},
                          {"code_tries_left", lock.code_tries_left},
                          {"waits_for", activation ? "activation" : "reset"},
                          {"request_code", token::format_request_code(lock.counter, lock.salt)},
                          {"code_given", checked.code_given}};
    return Exit::ok;
}

void deliver(Context& context, const CodesOptions& options, bench::GivenCode given) {
    context.out.field(tr("Key"), given.event.serial);
    context.out.field(tr("Lock number"), std::to_string(given.event.counter));
    if (given.given_before) context.out.say(tr("A code was given for this lock before. It is the same one."));
    context.out.result = {
        {"serial", given.event.serial}, {"counter", given.event.counter}, {"given_before", given.given_before}};
    const CodeWiper wiper(given.code);
    try {
        options.code.deliver(context, given.code);
    } catch (const Failed& why) {
        throw Failed(why.code(),
                     fill(tr("%1 The code wasn't handed out. Run the command again with a place where it can be "
                             "written: it gives the same code."),
                          {why.what()}),
                     why.details());
    }
}

Exit reset_code(Context& context, const CodesOptions& options) {
    const bool telephone = !options.request_code.empty();
    if (telephone && options.statement.given()) {
        throw Failed(Exit::usage, tr("A lock statement makes the request code unnecessary: give one of them."));
    }
    options.code.require_place();
    const ca::Authority authority(options.bench.directory());
    const bench::CodeRequest request{options.approval, options.bench.operator_name(), options.second_operator};
    ca::ByteVector statement;
    if (!telephone) {
        statement = options.statement.read(context);
        require_same_key(context, statement_serial(statement));
    }
    const std::string serial = telephone ? required_serial(context) : "";
    const SecretText passphrase = options.bench.passphrase();
    const auto masters = masters_of(authority, passphrase);
    const auto inventory = options.bench.inventory(authority);
    deliver(context, options,
            telephone ? bench::give_reset_code_by_telephone(*inventory, masters, serial, options.request_code, request)
                      : bench::give_reset_code(*inventory, masters, statement, request));
    return Exit::ok;
}

// N12
Exit unlock_key(Context& context, const CodesOptions& options) {
    options.code.require_place();
    const ca::Authority authority(options.bench.directory());
    const SecretText passphrase = options.bench.passphrase();
    const ca::Masters masters = masters_of(authority, passphrase);
    const ca::ChannelMaster channel_master = ca::read_channel_master(authority, passphrase.bytes());
    const auto inventory = options.bench.inventory(authority);
    FoundKey key = context.choice.open();
    deliver(context, options,
            bench::unlock_at_bench(*inventory, {masters, channel_master}, *key.token,
                                   {options.approval, options.bench.operator_name(), ""}));
    return Exit::ok;
}

Exit activation_code(Context& context, const CodesOptions& options) {
    const std::string serial = required_serial(context);
    options.code.require_place();
    const ca::Authority authority(options.bench.directory());
    const SecretText passphrase = options.bench.passphrase();
    const auto inventory = options.bench.inventory(authority);
    deliver(context, options,
            bench::give_activation_code(*inventory, masters_of(authority, passphrase), serial,
                                        options.bench.operator_name()));
    return Exit::ok;
}

Exit reset_done(Context& context, const CodesOptions& options) {
    std::string serial;
    std::uint16_t counter = 0;
    ca::ByteVector proof;
    if (options.statement.from_key) {
        const FoundKey key = context.choice.open();
        if (!key.status.reset_done)
            throw Failed(Exit::not_found, fill(tr("Key %1 has no proof of a redeemed code."), {key.status.serial}));
        serial = key.status.serial;
        counter = key.status.reset_done->counter;
        proof.assign(key.status.reset_done->proof.begin(), key.status.reset_done->proof.end());
    } else {
        serial = required_serial(context);
        if (options.counter == 0 || options.proof.empty()) {
            throw Failed(Exit::usage, tr("Give --from-key, or --serial, --lock and --proof."));
        }
        counter = static_cast<std::uint16_t>(options.counter);
        proof = ca::unhex(options.proof);
    }
    const ca::Authority authority(options.bench.directory());
    const SecretText passphrase = options.bench.passphrase();
    const auto inventory = options.bench.inventory(authority);
    bench::close_lock(*inventory, masters_of(authority, passphrase), serial, counter, proof,
                      options.bench.operator_name());
    context.out.say(
        fill(tr("Lock %1 of key %2 is closed: the key is in use again."), {std::to_string(counter), serial}));
    context.out.result = {{"serial", serial}, {"counter", counter}};
    return Exit::ok;
}

}  // namespace

Run define_lock_statement(CLI::App& command) {
    auto options = std::make_shared<CodesOptions>();
    command.require_subcommand(1);
    options->bench.add_to(command, true);
    CLI::App* sub = command.add_subcommand("check", tr("Check that a key of ours made it, and that its lock is open"));
    sub->fallthrough();
    sub->group(tr("Commands"));
    options->statement.add_to(*sub);
    return explained([options](Context& context) { return check(context, *options); });
}

Run define_reset_code(CLI::App& command) {
    auto options = std::make_shared<CodesOptions>();
    options->bench.add_to(command, true);
    options->statement.add_to(command);
    command.add_option("--approval", options->approval, tr("The approved request that this is for"))
        ->required()
        ->type_name(tr("TEXT"));
    command.add_option("--request-code", options->request_code, tr("By telephone: the request code, with --serial"))
        ->type_name(tr("CODE"));
    command.add_option("--second-operator", options->second_operator, tr("By telephone: who confirms"))
        ->type_name(tr("NAME"));
    options->code.add_to(command, tr("Write the code to this new file"));
    return explained([options](Context& context) { return reset_code(context, *options); });
}

Run define_unlock(CLI::App& command) {
    auto options = std::make_shared<CodesOptions>();
    options->bench.add_to(command, true);
    command.add_option("--approval", options->approval, tr("The approved request that this is for"))
        ->required()
        ->type_name(tr("TEXT"));
    options->code.add_to(command, tr("Write the code to this new file"));
    return explained([options](Context& context) { return unlock_key(context, *options); });
}

Run define_activation_code(CLI::App& command) {
    auto options = std::make_shared<CodesOptions>();
    options->bench.add_to(command, true);
    options->code.add_to(command, tr("Write the code to this new file"));
    return explained([options](Context& context) { return activation_code(context, *options); });
}

Run define_reset_done(CLI::App& command) {
    auto options = std::make_shared<CodesOptions>();
    options->bench.add_to(command, true);
    command.add_flag("--from-key", options->statement.from_key, tr("Read the proof from the key that is plugged in"));
    command.add_option("--lock", options->counter, tr("Number of the lock"))
        ->check(CLI::Range(1, 65534))
        ->type_name(tr("NUMBER"));
    command.add_option("--proof", options->proof, tr("The proof, hexadecimal"))->type_name(tr("TEXT"));
    return explained([options](Context& context) { return reset_done(context, *options); });
}

}  // namespace sealkey::cli
