// sealkey doctor
#include <cstdlib>
#include <ctime>
#include <iomanip>
#include <sstream>

#include "cli/sealkey/browser_profiles.h"
#include "cli/sealkey/certificate_view.h"
#include "cli/sealkey/commands.h"
#include "cli/sealkey/describe.h"
#include "cli/sealkey/doctor_findings.h"
#include "cli/sealkey/processes.h"
#include "transport/service.h"
#include "transport/settings.h"
#include "transport/usb/provider.h"

namespace sealkey::cli {

namespace {

constexpr std::chrono::milliseconds kHeldAfter{1500};
constexpr std::time_t kSoon = 30 * 24 * 3600;
constexpr int kFewTries = 2;
constexpr const char* kUsbDriver = "/usr/lib/pcsc/drivers/ifd-ccid.bundle";

// What one check leaves for the next.
struct Patient {
    bool simulated = false;
    bool over_usb = false;  // by our own driver, without the service
    bool service = false;
    std::string serial;  // of the one key that is meant; empty: all
    std::vector<FoundKey> keys;
};

// ---- the way to the key
// ----------------------------------------------------------------------------------------------

void check_service(Patient& patient, Diagnosis& found) {
    patient.service = true;
    if (patient.simulated) return found.find("service_not_asked");
    if (patient.over_usb) return found.find("service_passed_over");
    const auto state = transport::probe_pcsc_service();
    patient.service = state == transport::ServiceState::answers;
    switch (state) {
        case transport::ServiceState::answers:
            return found.find("service_good");
        case transport::ServiceState::not_installed:
            return found.find("pcscd_not_installed");
        case transport::ServiceState::not_running:
            return found.find("pcscd_not_running");
        case transport::ServiceState::forbidden:
            return found.find("pcscd_forbidden");
        case transport::ServiceState::refuses:
            return found.find(std::getenv("SSH_CONNECTION") != nullptr ? "pcscd_refuses_remote" : "pcscd_refuses");
    }
}

// Programs that may be the holder: all that have the library loaded by which it is held. Neither pcscd nor the kernel
// says which it is.
std::string card_programs(const Patient& patient) {
    std::string names;
    for (const pid_t process : processes_with_library(patient.over_usb ? "libusb-1.0" : "libpcsclite")) {
        names += (names.empty() ? "" : ", ") + process_text(process);
    }
    return names.empty() ? tr("none that this user may see (an administrator sees all)") : names;
}

void look_into(transport::Provider& provider, const std::string& reader, Patient& patient, Diagnosis& found) {
    try {
        auto token = std::make_unique<token::Token>(provider.connect(reader));
        auto status = token->token_status();
        if (!patient.serial.empty() && status.serial != patient.serial) return;
        patient.keys.push_back({reader, std::move(status), std::move(token)});
    } catch (const transport::TransportError& error) {
        if (error.failure() == transport::Failure::in_use) {
            found.find("reader_held", {printable(reader), card_programs(patient)});
        } else if (patient.over_usb && error.failure() == transport::Failure::no_service) {
            found.find("usb_forbidden", {printable(reader)});
        } else {
            found.find("reader_fails", {printable(reader), error.what()});
        }
    } catch (const token::TokenError& error) {
        // Another card refuses the question; nonsense for an answer is a fault.
        const bool fault = error.kind() == token::Kind::malformed_answer || error.kind() == token::Kind::token_failure;
        if (!fault) return found.find("other_card", {printable(reader)});
        found.find("reader_fails", {printable(reader), error.what()});
    }
}

void check_readers(Patient& patient, Diagnosis& found) {
    if (!patient.service) return;
    const auto provider = patient.simulated  ? transport::make_default_provider()
                          : patient.over_usb ? transport::make_usb_provider(kHeldAfter)
                                             : transport::make_pcsc_provider(kHeldAfter);
    const auto readers = provider->readers();
    if (readers.empty()) {
        std::error_code error;
        const bool driver = patient.over_usb || std::filesystem::exists(kUsbDriver, error);
        return found.find(driver ? "no_reader" : "no_reader_driver");
    }
    if (readers.size() >= transport::kMostPcscReaders && !patient.simulated && !patient.over_usb) {
        found.find("readers_full", {std::to_string(readers.size())});
    }
    for (const auto& reader : readers) {
        if (reader.card_present) look_into(*provider, reader.name, patient, found);
    }
    if (!found.has_trouble()) {
        std::string names;
        for (const auto& reader : readers) names += (names.empty() ? "" : ", ") + printable(reader.name);
        found.find("readers_good", {names});
    }
    // A reader in trouble may hold the key.
    if (patient.keys.empty() && !found.has_trouble()) found.find("no_key");
}

// ---- the key
// ---------------------------------------------------------------------------------------------------------

struct StateRow {
    KeyState state;
    const char* finding;
};
constexpr StateRow kStates[] = {
    {KeyState::blank, "key_not_made"},        {KeyState::at_bench, "key_not_made"},
    {KeyState::locked, "key_locked"},         {KeyState::to_be_activated, "key_not_activated"},
    {KeyState::bench_only, "key_bench_only"}, {KeyState::terminated, "key_withdrawn"},
};

void check_keys(Patient& patient, Diagnosis& found) {
    for (const auto& key : patient.keys) {
        const auto& status = key.status;
        bool ready = true;
        for (const auto& row : kStates) {
            if (row.state != state_of(status)) continue;
            found.find(row.finding, {status.serial});
            ready = false;
        }
        if (!ready) continue;
        const std::string tries = tries_left_text(status.pin.tries_left);
        if (status.pin.tries_left <= kFewTries) found.find("pin_low", {status.serial, tries});
        if (status.pin.default_value) found.find("pin_default", {status.serial});
        found.find("key_good", {status.serial, tries});
    }
}

std::time_t seconds_of(const std::string& text) {
    std::tm parts{};
    std::istringstream in(text);
    in >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%SZ");
    return timegm(&parts);
}

std::string day_of(std::time_t when) {
    char text[16];
    std::tm parts{};
    gmtime_r(&when, &parts);
    std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
    return text;
}

void check_certificate(FoundKey& key, const token::SlotInfo& slot, Diagnosis& found) {
    const std::string& serial = key.status.serial;
    const std::string where = slot_text(slot.slot);
    CertificateView view;
    try {
        view = view_certificate(key.token->read_certificate(slot.slot));
    } catch (const transport::TransportError&) {
        throw;
    } catch (const std::exception&) {
        return found.find("certificate_unreadable", {serial, where});
    }
    const std::time_t now = std::time(nullptr);
    const std::time_t end = seconds_of(view.not_after);
    if (view.not_yet_valid) {
        found.find("clock_behind", {serial, where, view.not_before.substr(0, 10), day_of(now)});
    } else if (view.expired) {
        found.find("certificate_expired", {serial, where, day_of(end)});
    } else {
        found.find(end - now < kSoon ? "certificate_soon" : "certificate_good", {serial, where, day_of(end)});
    }
}

void check_certificates(Patient& patient, Diagnosis& found) {
    for (auto& key : patient.keys) {
        bool login = false;
        for (const auto& slot : key.status.slots) {
            if (!slot.has_certificate()) continue;
            login = login || slot.slot == protocol::ref::authentication;
            check_certificate(key, slot, found);
        }
        // A key that was never made has none, and that was said.
        const KeyState state = state_of(key.status);
        if (!login && state != KeyState::blank && state != KeyState::at_bench) {
            found.find("no_certificate", {key.status.serial});
        }
    }
}

// ---- programs
// --------------------------------------------------------------------------------------------------------

void check_module(Patient&, Diagnosis& found) {
    const auto module = own_module();
    if (module.empty()) return found.find("module_missing");
    found.find("module_good", {module.string()});
}

const char* browser_finding(Registration registration) {
    switch (registration) {
        case Registration::present:
            return "browser_good";
        case Registration::elsewhere:
            return "browser_elsewhere";
        case Registration::dangling:
            return "browser_dangling";
        case Registration::name_taken:
            return "browser_name_taken";
        default:
            return "browser_absent";
    }
}

void check_browsers(Patient&, Diagnosis& found) {
    const char* home = std::getenv("HOME");
    const auto profiles = home == nullptr || *home == '\0' ? std::vector<BrowserProfile>() : browser_profiles();
    for (const auto& profile : profiles) {
        std::error_code error;
        const std::string folder = printable(profile.folder.string());
        if (profile.packing != Packing::native) {
            found.find("browser_sandboxed", {profile.program, profile.packing == Packing::snap ? "snap" : "flatpak"});
        } else if (std::filesystem::exists(profile.folder, error)) {
            const auto registration = registration_of(nss_modules(profile.folder), own_module());
            found.find(browser_finding(registration), {profile.program, folder});
        }
    }
    if (found.findings().empty()) found.find("no_browser");
}

// ---- the command
// -----------------------------------------------------------------------------------------------------

struct Check {
    const char* name;
    const char* title;
    void (*run)(Patient& patient, Diagnosis& found);
};
constexpr Check kChecks[] = {
    {"service", mark("Smart-card service"), check_service},
    {"readers", mark("Readers"), check_readers},
    {"key", mark("The key"), check_keys},
    {"certificates", mark("Certificates"), check_certificates},
    {"module", mark("Module"), check_module},
    {"browsers", mark("Browsers"), check_browsers},
};

void tell(Context& context, const Check& check, const Finding& finding) {
    const auto health = finding.row->health;
    context.out.result["findings"].push_back({{"check", check.name},
                                              {"finding", finding.row->name},
                                              {"health", health_name(health)},
                                              {"text", finding.text},
                                              {"cure", finding.cure}});
    const char* sign = health == Health::trouble ? "!! " : health == Health::notice ? " ! " : "   ";
    context.out.say(sign + fill(tr("%1: %2"), {tr(check.title), finding.text}));
    if (!finding.cure.empty()) context.out.say("   -> " + finding.cure);
}

Exit doctor(Context& context) {
    Patient patient;
    patient.serial = context.choice.serial();
    patient.simulated = !transport::simulator_sockets_setting().empty();
    patient.over_usb = transport::usb_is_chosen();
    context.out.result["findings"] = nlohmann::json::array();
    unsigned long troubles = 0;
    for (const auto& check : kChecks) {
        Diagnosis found;
        try {
            check.run(patient, found);
        } catch (const transport::TransportError& error) {
            // The key was pulled out while it was looked at, or the service has ended.
            found.find("reader_fails", {tr("the reader"), error.what()});
        }
        for (const auto& finding : found.findings()) {
            tell(context, check, finding);
            if (finding.row->health == Health::trouble) ++troubles;
        }
    }
    if (troubles == 0) {
        context.out.say(tr("Nothing is wrong."));
        return Exit::ok;
    }
    context.out.say(
        fill(trn("%1 trouble was found.", "%1 troubles were found.", troubles), {std::to_string(troubles)}));
    return Exit::not_verified;
}

}  // namespace

Run define_doctor(CLI::App&) { return doctor; }

}  // namespace sealkey::cli
