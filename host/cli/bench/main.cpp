// `sealkey-bench`: the CA provider's tool. It makes keys, and unlocks and revokes them.
#include "cli/bench/bench_common.h"

namespace {

using sealkey::cli::mark;

constexpr sealkey::cli::Subcommand kCommands[] = {
    {"ca", mark("The certificate authority: ca init makes one"), sealkey::cli::define_ca},
    {"manufacture", mark("Give a board that was just flashed its transport keys, and write its factory's record"),
     sealkey::cli::define_manufacture},
    {"issue", mark("Make one key: from blank to ready for its parcel"), sealkey::cli::define_issue},
    {"orders", mark("Files of orders: check them before any key is touched; give one up whose key never comes back"),
     sealkey::cli::define_orders},
    {"run", mark("Make the keys of a file of orders, many at once"), sealkey::cli::define_run},
    {"check", mark("Compare a key that is plugged in with what was ordered"), sealkey::cli::define_check},
    {"attestation", mark("Check that a private key was made on the token: attestation check"),
     sealkey::cli::define_attestation},
    {"lock-statement", mark("Check the statement of a locked key: lock-statement check"),
     sealkey::cli::define_lock_statement},
    {"reset-code", mark("Give a reset code for a locked key"), sealkey::cli::define_reset_code},
    {"reset-done", mark("Close a lock with the key's proof that it was unlocked"), sealkey::cli::define_reset_done},
    {"activation-code", mark("Give the activation code of a key that was made here"),
     sealkey::cli::define_activation_code},
    {"unlock", mark("Unlock a key at the bench: a new activation code, whatever its lock was"),
     sealkey::cli::define_unlock},
    {"seal", mark("A seal that arrives after its key: seal load"), sealkey::cli::define_seal},
    {"labels", mark("Labels for finished keys, as a PDF"), sealkey::cli::define_labels},
    {"parcel", mark("Note where a finished key is: packed, shipped, arrived, delivered, returned"),
     sealkey::cli::define_parcel},
    {"revoke", mark("Revoke a key's certificates"), sealkey::cli::define_revoke},
    {"suspend", mark("Put a key's certificates on hold"), sealkey::cli::define_suspend},
    {"lost", mark("Note that a key is lost, by the enterprise's statement: its certificates are on hold"),
     sealkey::cli::define_lost},
    {"damaged", mark("Note that a key is damaged"), sealkey::cli::define_damaged},
    {"resume", mark("End a hold: the key's certificates are good again"), sealkey::cli::define_resume},
    {"terminate", mark("Wipe a revoked or replaced key that came back, and prove that it is empty"),
     sealkey::cli::define_terminate},
    {"crl", mark("Make the certificate revocation list"), sealkey::cli::define_crl},
    {"ocsp", mark("Answer for single certificates (OCSP)"), sealkey::cli::define_ocsp},
    {"renewals", mark("Renewals of keys: list, approve, refuse, end, confirm, serve"), sealkey::cli::define_renewals},
    {"inventory", mark("The inventory: list, show, states, audit, move"), sealkey::cli::define_inventory},
    {"audit", mark("Check the audit trail: audit verify"), sealkey::cli::define_audit},
};

constexpr sealkey::cli::Program kProgram = {"sealkey-bench", mark("The CA provider's bench for electronic keys."),
                                            kCommands};

}  // namespace

int main(int argc, char** argv) { return sealkey::cli::run_program(kProgram, argc, argv); }
