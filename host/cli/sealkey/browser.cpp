// sealkey browser enable|disable|status [--profile FOLDER] [--module FILE] [--dry-run]
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "cli/common/child_process.h"
#include "cli/sealkey/browser_profiles.h"
#include "cli/sealkey/commands.h"

namespace sealkey::cli {

namespace {

namespace fs = std::filesystem;

struct BrowserOptions {
    std::string what;
    std::string profile;
    std::string module;
    bool dry_run = false;
};

// How each state is told, and named in JSON.
struct RegistrationRow {
    Registration registration;
    const char* name;
    const char* text;
};
constexpr RegistrationRow kRegistrations[] = {
    {Registration::absent, "absent", mark("doesn't know the key yet. `sealkey browser enable` changes that.")},
    {Registration::present, "present", mark("knows the key.")},
    {Registration::elsewhere, "elsewhere",
     mark("knows an earlier module of the key. `sealkey browser enable` puts the present one in its place.")},
    {Registration::dangling, "dangling",
     mark("names a module of the key that isn't there any more. `sealkey browser enable` puts the installed one in its "
          "place, `sealkey browser disable` takes it out.")},
    {Registration::name_taken, "name_taken",
     mark("has another module under the name sealkey. It is left as it is: remove it in the browser's settings if it "
          "isn't wanted.")},
};

const RegistrationRow& row_of(Registration registration) {
    for (const auto& row : kRegistrations) {
        if (row.registration == registration) return row;
    }
    return kRegistrations[0];
}

const char* packing_name(Packing packing) {
    return packing == Packing::snap ? "snap" : packing == Packing::flatpak ? "flatpak" : "native";
}

std::string sandbox_text(Packing packing) {
    return fill(tr("comes from a %1 and can't load a module of this system. Use your distribution's own package of the "
                   "browser (on Debian: apt install firefox-esr, or chromium) for the key."),
                {packing_name(packing)});
}

fs::path wanted_module(const BrowserOptions& options) {
    std::error_code error;
    if (options.module.empty()) {
        const fs::path own = own_module();
        if (own.empty() && options.what == "enable") {
            throw Failed(Exit::not_found,
                         tr("The key's module libsealkey-pkcs11.so isn't installed. Install the package "
                            "libsealkey-pkcs11, or name the file with --module. Nothing was changed."));
        }
        return own;
    }
    const fs::path module = fs::canonical(options.module, error);
    if (error || !fs::is_regular_file(module, error)) {
        throw Failed(Exit::bad_input, fill(tr("%1 isn't a file. Nothing was changed."), {options.module}));
    }
    return module;
}

// ---- one profile
// -----------------------------------------------------------------------------------------------------

void require_free(const BrowserProfile& profile) {
    if (const auto user = profile_user(profile)) {
        throw Failed(Exit::not_allowed,
                     fill(tr("is in use by %1. Close it and repeat the command. Nothing was changed."), {*user}));
    }
}

void require_writable(const fs::path& folder) {
    for (const auto& path : {folder, folder / "pkcs11.txt"}) {
        if (::access(path.c_str(), W_OK) == 0 || errno == ENOENT) continue;
        throw Failed(Exit::file_error, fill(tr("can't be changed: %1. Nothing was changed."), {std::strerror(errno)}));
    }
}

void run_modutil(const fs::path& folder, std::vector<std::string> action) {
    std::vector<std::string> arguments = {"modutil", "-force", "-dbdir", "sql:" + folder.string()};
    arguments.insert(arguments.end(), action.begin(), action.end());
    const ChildResult done = run_child(arguments);
    if (!done.started) {
        throw Failed(Exit::failed,
                     tr("needs NSS's tool modutil, which isn't installed. Install it (on Debian: apt install "
                        "libnss3-tools) and repeat the command. Nothing was changed."));
    }
    if (done.code == 0) return;
    std::string last = printable(done.output);
    std::replace(last.begin(), last.end(), '?', ' ');
    throw Failed(Exit::failed, fill(tr("couldn't be changed, modutil says: %1"), {last}));
}

// ~/.pki is Chromium's; only its owner reads it.
void make_database(const fs::path& folder) {
    std::error_code error;
    if (fs::exists(folder / "cert9.db", error) || fs::exists(folder / "pkcs11.txt", error)) return;
    fs::create_directories(folder, error);
    if (error) throw Failed(Exit::file_error, fill(tr("can't be made: %1"), {error.message()}));
    fs::permissions(folder, fs::perms::owner_all, error);
    run_modutil(folder, {"-create"});
}

// Out with every place of ours, whatever it was called.
void disable(const fs::path& folder) {
    for (const auto& each : nss_modules(folder)) {
        if (fs::path(each.library).filename() == "libsealkey-pkcs11.so") run_modutil(folder, {"-delete", each.name});
    }
}

// The list of modules as it was, in a file beside it: a profile keeps what it knew where the new one can't be told.
class KeptList {
public:
    explicit KeptList(const fs::path& folder) : list_(folder / "pkcs11.txt"), copy_(folder / "pkcs11.txt.before") {
        std::error_code error;
        fs::copy_file(list_, copy_, fs::copy_options::overwrite_existing, error);
        if (!error) return;
        throw Failed(Exit::file_error, fill(tr("can't be changed: %1. Nothing was changed."), {error.message()}));
    }
    ~KeptList() {
        std::error_code ignored;
        if (!copy_.empty()) fs::remove(copy_, ignored);
    }
    KeptList(const KeptList&) = delete;
    KeptList& operator=(const KeptList&) = delete;
    // What is said of it, after what went wrong.
    std::string put_back() {
        std::error_code error;
        const fs::path from = std::exchange(copy_, {});
        fs::rename(from, list_, error);
        if (!error) return tr("Its list of modules is as it was.");
        return fill(tr("Its list of modules couldn't be put back (%1); as it was, it is in %2."),
                    {error.message(), printable(from.string())});
    }

private:
    fs::path list_;
    fs::path copy_;
};

void enable(const fs::path& folder, const fs::path& module, bool instead_of_another) {
    make_database(folder);
    const std::vector<std::string> add = {"-add", kModuleName, "-libfile", module.string()};
    if (!instead_of_another) return run_modutil(folder, add);
    KeptList kept(folder);
    try {
        disable(folder);
        run_modutil(folder, add);
    } catch (const Failed& failure) {
        throw Failed(failure.code(), std::string(failure.what()) + " " + kept.put_back());
    }
}

// What was done, or with --dry-run would be: empty if nothing needs to be.
std::string change(const BrowserOptions& options, const BrowserProfile& profile, Registration before,
                   const fs::path& module) {
    const bool enabling = options.what == "enable";
    if (enabling && before == Registration::name_taken) {
        throw Failed(Exit::not_allowed, tr(row_of(before).text));
    }
    const bool another = before == Registration::elsewhere || before == Registration::dangling;
    if (enabling ? before == Registration::present : before != Registration::present && !another) return {};
    require_free(profile);
    std::error_code error;
    if (fs::exists(profile.folder, error)) require_writable(profile.folder);
    if (options.dry_run) {
        return enabling ? tr("would be told of the key. Nothing was changed.")
                        : tr("would no longer know the key. Nothing was changed.");
    }
    if (enabling) {
        enable(profile.folder, module, another);
    } else {
        disable(profile.folder);
    }
    const Registration after = registration_of(nss_modules(profile.folder), module);
    if (after != (enabling ? Registration::present : Registration::absent)) {
        throw Failed(Exit::failed, tr("was changed by modutil, but its list doesn't show it."));
    }
    return enabling ? tr("knows the key from its next start on.") : tr("no longer knows the key.");
}

std::string unchanged_text(const BrowserOptions& options, Registration before) {
    if (options.what == "disable" && before == Registration::absent) return tr("doesn't know the key. Nothing to do.");
    if (options.what == "enable") return tr("knows the key already. Nothing to do.");
    return tr(row_of(before).text);
}

// One line, and one entry of the JSON array; a fault becomes part of both.
Exit handle(Context& context, const BrowserOptions& options, const BrowserProfile& profile, const fs::path& module) {
    nlohmann::json one = {{"program", profile.program},
                          {"folder", profile.folder.string()},
                          {"packing", packing_name(profile.packing)},
                          {"changed", false}};
    const std::string head = profile.program + "  " + printable(profile.folder.string()) + "  ";
    Exit code = Exit::ok;
    std::string text;
    if (profile.packing != Packing::native) {
        one["module"] = "sandboxed";
        text = sandbox_text(profile.packing);
        if (!options.profile.empty() && options.what != "status") code = Exit::not_allowed;
    } else {
        const Registration before = registration_of(nss_modules(profile.folder), module);
        try {
            if (options.what != "status") text = change(options, profile, before, module);
            one["changed"] = !text.empty() && !options.dry_run;
            if (text.empty()) text = unchanged_text(options, before);
        } catch (const Failed& failure) {
            code = failure.code();
            text = failure.what();
            one["fault"] = text;
        }
        one["module"] = row_of(registration_of(nss_modules(profile.folder), module)).name;
    }
    context.out.result["profiles"].push_back(one);
    if (code == Exit::ok) {
        context.out.say(head + text);
    } else {
        context.out.note(head + text);
    }
    return code;
}

Exit browser(Context& context, const BrowserOptions& options) {
    const fs::path module = wanted_module(options);
    const auto profiles =
        options.profile.empty() ? browser_profiles() : std::vector<BrowserProfile>{browser_profile_at(options.profile)};
    context.out.result = {{"module", module.string()}, {"profiles", nlohmann::json::array()}};
    Exit code = Exit::ok;
    for (const auto& profile : profiles) {
        const Exit one = handle(context, options, profile, module);
        if (code == Exit::ok) code = one;
    }
    return code;
}

}  // namespace

Run define_browser(CLI::App& command) {
    const auto options = std::make_shared<BrowserOptions>();
    command.add_option("what", options->what, tr("enable, disable or status"))
        ->required()
        ->type_name("")
        ->check(CLI::IsMember({"enable", "disable", "status"}));
    command.add_option("--profile", options->profile, tr("This browser profile alone"))->type_name(tr("FOLDER"));
    command.add_option("--module", options->module, tr("This module instead of the installed one"))
        ->type_name(tr("FILE"));
    command.add_flag("--dry-run", options->dry_run, tr("Say what would be done, and change nothing"));
    return [options](Context& context) { return browser(context, *options); };
}

}  // namespace sealkey::cli
