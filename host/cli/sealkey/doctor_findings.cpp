#include "cli/sealkey/doctor_findings.h"

#include <cstring>
#include <stdexcept>

#include "cli/common/i18n.h"

namespace sealkey::cli {

namespace {

constexpr FindingRow kFindings[] = {
    // ---- the smart-card service
    {"service_good", Health::good, mark("It answers."), ""},
    {"service_not_asked", Health::skipped, mark("Not asked: SEALKEY_SIM_SOCKETS names simulators."), ""},
    {"service_passed_over", Health::skipped, mark("Not asked: keys are used over USB without it (SEALKEY_USB=1)."), ""},
    {"pcscd_not_installed", Health::trouble, mark("The smart-card service pcscd isn't installed."),
     mark("Install it (on Debian: apt install pcscd libccid).")},
    {"pcscd_not_running", Health::trouble, mark("The smart-card service pcscd doesn't run."),
     mark("Start it, now and at every start of the machine: systemctl enable --now pcscd.socket")},
    {"pcscd_forbidden", Health::trouble, mark("This user may not connect to the smart-card service's socket."),
     mark("Let an administrator look at the rights of /run/pcscd and the socket in it; systemctl restart pcscd.socket "
          "sets them as they should be.")},
    {"pcscd_refuses", Health::trouble,
     mark("The smart-card service refuses this login. Its policy (polkit) allows it to the user who sits at the "
          "machine, not to services."),
     mark("Log in at the machine itself, or let an administrator allow org.debian.pcsc-lite.access_pcsc and "
          "access_card to this user by a rule in /etc/polkit-1/rules.d.")},
    {"pcscd_refuses_remote", Health::trouble,
     mark("The smart-card service refuses this login: it comes from another machine (SSH), and its policy (polkit) "
          "allows only the user who sits at this one."),
     mark("Log in at the machine itself, or let an administrator allow org.debian.pcsc-lite.access_pcsc and "
          "access_card to this user by a rule in /etc/polkit-1/rules.d.")},
    // ---- readers
    {"readers_good", Health::good, mark("%1"), ""},
    {"no_reader", Health::trouble, mark("No reader and no key is seen."),
     mark("Plug the key in, or try another port. A hub without its own power may be too weak.")},
    {"no_reader_driver", Health::trouble, mark("No reader is seen, and the driver for USB keys isn't installed."),
     mark("Install it (on Debian: apt install libccid), then plug the key in again.")},
    {"readers_full", Health::trouble, mark("All %1 places for readers are taken: one more reader or key isn't seen."),
     mark("Unplug readers and keys that aren't needed.")},
    {"reader_held", Health::trouble, mark("%1 is held by another program for itself alone."),
     mark("Close the program that holds it. Programs that have smart cards open now: %2.")},
    {"usb_forbidden", Health::trouble, mark("This user may not open the key in %1."),
     mark("Let an administrator allow it, or unset SEALKEY_USB to go through the smart-card service.")},
    {"reader_fails", Health::trouble, mark("The card or key in %1 doesn't answer as it must: %2"),
     mark("Unplug it and plug it in again; if it stays so, try another port or another machine.")},
    // ---- the key
    {"no_key", Health::trouble, mark("No key is plugged in."), mark("Plug the key in.")},
    {"other_card", Health::notice, mark("The card in %1 isn't a sealkey."), ""},
    {"key_good", Health::good, mark("%1: ready, %2"), ""},
    {"key_locked", Health::trouble, mark("%1 is locked. Nothing on it is lost."),
     mark("Run `sealkey unlock`: it shows the request code for your provider and takes the reset code.")},
    {"key_bench_only", Health::trouble, mark("%1 is locked, and no code opens it any more. Nothing on it is lost."),
     mark("Send it to your provider.")},
    {"key_not_activated", Health::trouble, mark("%1 is new: its first PIN isn't set."),
     mark("Run `sealkey activate` with the activation code.")},
    {"key_not_made", Health::trouble, mark("%1 isn't ready for use: the bench hasn't finished it."),
     mark("Give it back to your provider.")},
    {"key_withdrawn", Health::trouble, mark("%1 was withdrawn from use."), mark("Ask your provider for another one.")},
    {"pin_low", Health::notice, mark("%1 locks soon: %2"),
     mark("Make sure of the PIN before the next try; a right one gives all tries back.")},
    {"pin_default", Health::notice, mark("%1 still has the published PIN."), mark("Run `sealkey change-pin`.")},
    // ---- certificates
    {"certificate_good", Health::good, mark("%1, %2: valid until %3"), ""},
    {"no_certificate", Health::trouble, mark("%1 has no certificate for logging in."),
     mark("Ask your provider; an interrupted renewal goes on with `sealkey renew`.")},
    {"certificate_unreadable", Health::trouble, mark("%1, %2: the certificate can't be read."),
     mark("Ask your provider; an interrupted renewal goes on with `sealkey renew`.")},
    {"certificate_expired", Health::trouble, mark("%1, %2: the certificate has expired on %3."),
     mark("Ask your provider for a renewal, then run `sealkey renew`.")},
    {"certificate_soon", Health::notice, mark("%1, %2: the certificate expires on %3."),
     mark("Ask your provider for a renewal in good time, then run `sealkey renew`.")},
    {"clock_behind", Health::trouble, mark("%1, %2: the certificate begins on %3, and this machine's clock shows %4."),
     mark("Set the clock (timedatectl set-ntp true). If it is right, the certificate can't be used before it begins.")},
    // ---- the module and the browsers
    {"module_good", Health::good, mark("%1"), ""},
    {"module_missing", Health::trouble, mark("The module for browsers and other programs isn't installed."),
     mark("Install the package libsealkey-pkcs11.")},
    {"browser_good", Health::good, mark("%1 knows the key (%2)."), ""},
    {"browser_absent", Health::trouble, mark("%1 doesn't know the key (%2)."), mark("Run `sealkey browser enable`.")},
    {"browser_elsewhere", Health::trouble, mark("%1 knows an earlier module of the key (%2)."),
     mark("Run `sealkey browser enable`.")},
    {"browser_dangling", Health::trouble, mark("%1 names a module of the key that isn't there any more (%2)."),
     mark("Install the package libsealkey-pkcs11 and run `sealkey browser enable`. Where the key isn't used any more: "
          "`sealkey browser disable`.")},
    {"browser_name_taken", Health::trouble, mark("%1 has another module under the name sealkey (%2)."),
     mark("Remove it in the browser's settings, then run `sealkey browser enable`.")},
    {"browser_sandboxed", Health::notice, mark("%1 comes from a %2: it can't use the key."),
     mark("Use your distribution's own package of the browser (on Debian: apt install firefox-esr, or chromium).")},
    {"no_browser", Health::skipped, mark("No browser has been used here yet."), ""},
};

}  // namespace

const char* health_name(Health health) {
    switch (health) {
        case Health::good:
            return "good";
        case Health::notice:
            return "notice";
        case Health::trouble:
            return "trouble";
        case Health::skipped:
            return "skipped";
    }
    return "";
}

void Diagnosis::find(const char* name, std::initializer_list<std::string> arguments) {
    for (const auto& row : kFindings) {
        if (std::strcmp(row.name, name) != 0) continue;
        const std::string cure = *row.cure == '\0' ? std::string() : fill(tr(row.cure), arguments);
        findings_.push_back({&row, fill(tr(row.text), arguments), cure});
        return;
    }
    throw std::logic_error(std::string("no such finding: ") + name);
}

bool Diagnosis::has_trouble() const {
    for (const auto& finding : findings_) {
        if (finding.row->health == Health::trouble) return true;
    }
    return false;
}

}  // namespace sealkey::cli
