// `sealkey`: an enterprise's own tool for its key.
#include "cli/sealkey/commands.h"

namespace {

using sealkey::cli::mark;

constexpr sealkey::cli::Subcommand kCommands[] = {
    {"list", mark("Show the keys that are plugged in"), sealkey::cli::define_list},
    {"status", mark("Show one key: state, PIN tries, certificates, seal"), sealkey::cli::define_status},
    {"wait", mark("Wait until a key is plugged in, or taken out"), sealkey::cli::define_wait},
    {"activate", mark("Set the first PIN of a new key with its activation code"), sealkey::cli::define_activate},
    {"check-pin", mark("Try the PIN (a wrong one spends a try)"), sealkey::cli::define_check_pin},
    {"change-pin", mark("Change the PIN"), sealkey::cli::define_change_pin},
    {"unlock", mark("Unlock a locked key: show the request code, take the reset code and a new PIN"),
     sealkey::cli::define_unlock},
    {"certificates", mark("List the certificates on the key"), sealkey::cli::define_certificates},
    {"export", mark("Write a certificate, the chain, the enterprise record, the seal or the lock statement to a file"),
     sealkey::cli::define_export},
    {"sign", mark("Sign a file (detached CMS)"), sealkey::cli::define_sign},
    {"verify", mark("Check a signed file or a stamped PDF"), sealkey::cli::define_verify},
    {"seal", mark("Show, export or check the electronic seal"), sealkey::cli::define_seal},
    {"stamp", mark("Stamp a PDF with the key's electronic seal"), sealkey::cli::define_stamp},
    {"renew", mark("Renew the key: new keys, certificates and seal; goes on where it was interrupted"),
     sealkey::cli::define_renew},
    {"browser", mark("Make the key known to Firefox and Chromium, or no longer"), sealkey::cli::define_browser},
    {"doctor", mark("Find out why the key can't be used, and say what to do"), sealkey::cli::define_doctor},
};

constexpr sealkey::cli::Program kProgram = {"sealkey", mark("The enterprise's tool for its electronic key."),
                                            kCommands};

}  // namespace

int main(int argc, char** argv) { return sealkey::cli::run_program(kProgram, argc, argv); }
