// What the commands of `sealkey-bench` share: the CA's folder, the passphrase, the operator, and how failures are told.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "bench/inventory.h"
#include "ca/authority.h"
#include "ca/error.h"
#include "cli/common/program.h"

namespace sealkey::cli {

// --ca, --operator, --passphrase-file; SEALKEY_CA_DIR, SEALKEY_OPERATOR, SEALKEY_CA_PASSPHRASE.
class BenchOptions {
public:
    void add_to(CLI::App& command, bool needs_passphrase);
    [[nodiscard]] std::string directory() const;  // throws Failed usage
    [[nodiscard]] std::string operator_name() const;
    [[nodiscard]] SecretText passphrase(bool confirm = false) const;
    // In the CA's folder or where its settings say. A database that is empty or another CA's is refused.
    [[nodiscard]] std::unique_ptr<bench::Inventory> inventory(const ca::Authority& authority) const;

private:
    std::string directory_;
    std::string operator_;
    SecretInput passphrase_{"passphrase", "SEALKEY_CA_PASSPHRASE"};
};

// What host/ca, host/seal and the database throw becomes Failed, told in the user's language.
[[nodiscard]] Failed explain(const ca::CaError& error);
[[nodiscard]] Failed explain(const soci::soci_error& error);
[[nodiscard]] Run explained(Run run);

// The serial number given by --serial. Throws Failed usage.
[[nodiscard]] std::string required_serial(const Context& context);

// Where a code goes: a file (mode 0600, never overwritten), two files with half of it each, or the terminal when asked
// for by --show. Requirement N22.
class CodeOutput {
public:
    void add_to(CLI::App& command, const std::string& what);
    [[nodiscard]] bool wanted() const { return show_ || !file_.empty(); }
    // Before anything is done: throws Failed usage, or file_error if a file stands there already.
    void require_place() const;
    void deliver(Context& context, const std::string& code) const;

private:
    std::string file_;
    bool split_ = false;
    bool show_ = false;
};

// Wipes a code's text when its scope ends, however that is.
class CodeWiper {
public:
    explicit CodeWiper(std::string& code) : code_(code) {}
    ~CodeWiper() { wipe({reinterpret_cast<std::uint8_t*>(code_.data()), code_.size()}); }
    CodeWiper(const CodeWiper&) = delete;
    CodeWiper& operator=(const CodeWiper&) = delete;

private:
    std::string& code_;
};

// The commands.
Run define_ca(CLI::App& command);
Run define_manufacture(CLI::App& command);
Run define_issue(CLI::App& command);
Run define_orders(CLI::App& command);
Run define_run(CLI::App& command);
Run define_check(CLI::App& command);
Run define_attestation(CLI::App& command);
Run define_lock_statement(CLI::App& command);
Run define_reset_code(CLI::App& command);
Run define_reset_done(CLI::App& command);
Run define_activation_code(CLI::App& command);
Run define_unlock(CLI::App& command);
Run define_revoke(CLI::App& command);
Run define_labels(CLI::App& command);
Run define_parcel(CLI::App& command);
Run define_damaged(CLI::App& command);
Run define_crl(CLI::App& command);
Run define_ocsp(CLI::App& command);
Run define_suspend(CLI::App& command);
Run define_lost(CLI::App& command);
Run define_resume(CLI::App& command);
Run define_terminate(CLI::App& command);
Run define_seal(CLI::App& command);
Run define_renewals(CLI::App& command);
Run define_inventory(CLI::App& command);
Run define_audit(CLI::App& command);

}  // namespace sealkey::cli
