#include "cli/bench/bench_common.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "ca/attestation.h"
#include "cli/bench/crl.h"
#include "files/whole_file.h"
#include "seal/error.h"

namespace sealkey::cli {

namespace {

struct FaultRow {
    ca::Fault fault;
    Exit code;
};
constexpr FaultRow kFaults[] = {
    {ca::Fault::bad_passphrase, Exit::wrong_secret},
    {ca::Fault::bad_request, Exit::bad_input},
    {ca::Fault::bad_code, Exit::bad_input},
    {ca::Fault::bad_argument, Exit::bad_input},
    {ca::Fault::expired, Exit::not_allowed},
    {ca::Fault::forged, Exit::not_verified},
    {ca::Fault::replayed, Exit::not_verified},
    {ca::Fault::unknown, Exit::not_found},
    {ca::Fault::exists, Exit::not_allowed},
    {ca::Fault::policy, Exit::not_allowed},
    {ca::Fault::corrupt, Exit::file_error},
    {ca::Fault::file, Exit::file_error},
    {ca::Fault::quality, Exit::not_verified},
    {ca::Fault::busy, Exit::not_allowed},
    {ca::Fault::crypto, Exit::failed},
};
constexpr const char* kFaultNames[] = {"bad_passphrase", "bad_request", "bad_code", "bad_argument", "expired",
                                       "forged",         "replayed",    "unknown",  "exists",       "policy",
                                       "corrupt",        "file",        "quality",  "busy",         "crypto"};

// In the reader's language; what came from outside can't steer the terminal.
std::string filled(const char* text, std::vector<std::string> arguments) {
    for (auto& argument : arguments) argument = printable(argument);
    return message::filled(tr(text), arguments);
}

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

void write_new_secret_file(const std::string& path, const std::string& content) {
    try {
        files::write_whole(path, {reinterpret_cast<const std::uint8_t*>(content.data()), content.size()}, 0600,
                           files::Existing::keep);
    } catch (const std::system_error& error) {
        throw Failed(Exit::file_error,
                     fill(tr("%1 can't be written: %2."), {path, std::strerror(error.code().value())}));
    }
}

}  // namespace

void BenchOptions::add_to(CLI::App& command, bool needs_passphrase) {
    command.add_option("--ca", directory_, tr("Folder of the CA (or SEALKEY_CA_DIR)"))->type_name(tr("FOLDER"));
    command.add_option("--operator", operator_, tr("Who is doing this, for the audit trail (or SEALKEY_OPERATOR)"))
        ->type_name(tr("NAME"));
    if (needs_passphrase) passphrase_.add_to(command, tr("Passphrase of the CA (or SEALKEY_CA_PASSPHRASE)"));
}

std::string BenchOptions::directory() const {
    const std::string found = directory_.empty() ? environment("SEALKEY_CA_DIR") : directory_;
    if (found.empty()) throw Failed(Exit::usage, tr("Name the CA's folder: --ca FOLDER, or SEALKEY_CA_DIR."));
    return found;
}

std::string BenchOptions::operator_name() const {
    std::string found = operator_.empty() ? environment("SEALKEY_OPERATOR") : operator_;
    if (found.empty()) {
        const passwd* user = ::getpwuid(::getuid());
        found = user != nullptr ? user->pw_name : "uid " + std::to_string(::getuid());
    }
    return found;
}

SecretText BenchOptions::passphrase(bool confirm) const {
    return passphrase_.read(confirm ? tr("New passphrase of the CA: ") : tr("Passphrase of the CA: "), confirm);
}

std::unique_ptr<bench::Inventory> BenchOptions::inventory(const ca::Authority& authority) const {
    const std::string& url = authority.settings().inventory;
    if (url.empty()) return std::make_unique<bench::Inventory>(authority.path("inventory.sqlite"));
    bench::check_database_url(url);
    auto inventory = std::make_unique<bench::Inventory>(url, bench::Missing::refuse);
    if (inventory->authority() != ca::serial_of(authority.root())) {
        throw Failed(Exit::not_allowed,
                     fill(tr("The inventory at %1 is another CA's, and nothing was done: %2 names the wrong database."),
                          {url, authority.path("ca.json")}));
    }
    return inventory;
}

Failed explain(const ca::CaError& error) {
    const auto index = static_cast<std::size_t>(error.fault());
    nlohmann::json details = {{"fault", kFaultNames[index]}, {"detail", error.what()}};
    const auto* refused = dynamic_cast<const ca::AttestationRefused*>(&error);
    if (refused != nullptr) details["defect"] = ca::name_of(refused->defect());
    for (const auto& row : kFaults) {
        if (row.fault == error.fault()) return {row.code, filled(error.text(), error.arguments()), details};
    }
    return {Exit::failed, error.what(), details};
}

Failed explain(const soci::soci_error& error) {
    return {Exit::file_error,
            fill(tr("The inventory can't be used: %1. What was begun was taken back."), {bench::said_by(error)})};
}

Failed explain_seal(const seal::SealError& error) {
    return {error.fault() == seal::Fault::maker_revoked ? Exit::not_allowed : Exit::bad_input,
            filled(error.text(), error.arguments()),
            {{"fault", seal::fault_name(error.fault())}, {"detail", error.what()}}};
}

Run explained(Run run) {
    return [run = std::move(run)](Context& context) {
        try {
            return run(context);
        } catch (const ca::CaError& error) {
            throw explain(error);
        } catch (const seal::SealError& error) {
            throw explain_seal(error);
        } catch (const soci::soci_error& error) {
            throw explain(error);
        }
    };
}

std::string required_serial(const Context& context) {
    if (context.choice.serial().empty()) throw Failed(Exit::usage, tr("Name the key: --serial SK..."));
    return context.choice.serial();
}

void CodeOutput::add_to(CLI::App& command, const std::string& what) {
    command.add_option("--code-file", file_, what)->type_name(tr("FILE"));
    command.add_flag("--split", split_, tr("Half of the code into FILE.1, half into FILE.2, to be sent by two ways"));
    command.add_flag("--show", show_, tr("Show the code here"));
}

void CodeOutput::require_place() const {
    if (!wanted()) throw Failed(Exit::usage, tr("Say where the code goes: --code-file FILE, or --show."));
    if (split_ && file_.empty()) throw Failed(Exit::usage, tr("--split needs --code-file FILE."));
    if (file_.empty()) return;
    for (const std::string& path : split_ ? std::vector{file_ + ".1", file_ + ".2"} : std::vector{file_}) {
        struct stat there {};
        if (::lstat(path.c_str(), &there) == 0) {
            throw Failed(Exit::file_error,
                         fill(tr("%1 exists already: choose another name. Nothing was done."), {path}));
        }
    }
}

void CodeOutput::deliver(Context& context, const std::string& code) const {
    if (!file_.empty() && split_) {
        const std::size_t half = code.size() / 2;
        write_new_secret_file(file_ + ".1", code.substr(0, half) + "\n");
        try {
            write_new_secret_file(file_ + ".2", code.substr(half + 1) + "\n");
        } catch (...) {
            ::unlink((file_ + ".1").c_str());  // both or none: the next try writes them again
            throw;
        }
        context.out.say(
            fill(tr("Half of the code is in %1, half in %2 (readable by you alone)."), {file_ + ".1", file_ + ".2"}));
    } else if (!file_.empty()) {
        write_new_secret_file(file_, code + "\n");
        context.out.say(fill(tr("The code is in %1 (readable by you alone)."), {file_}));
    }
    if (show_) {
        context.out.field(tr("Code"), code);
        context.out.result["code"] = code;
    }
}

}  // namespace sealkey::cli
