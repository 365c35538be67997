#include "cli/sealkey/browser_profiles.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "cli/common/failure.h"
#include "cli/common/i18n.h"
#include "cli/sealkey/processes.h"

namespace sealkey::cli {

namespace {

namespace fs = std::filesystem;

// Folders of the user that everything below is named from.
enum class Base { home, config, data };
enum class Layout {
    profiles_ini,  // Firefox: a list of profiles, each with its database
    database,      // one database
    sandbox,       // a snap or flatpak: nothing in it is of use
};

struct Place {
    const char* program;
    Packing packing;
    Layout layout;
    Base base;
    const char* folder;
};
// The database in ~/.pki is that of Chromium and all its kin.
constexpr Place kPlaces[] = {
    {"Firefox", Packing::native, Layout::profiles_ini, Base::home, ".mozilla/firefox"},
    {"Firefox", Packing::native, Layout::profiles_ini, Base::config, "mozilla/firefox"},
    {"Chromium", Packing::native, Layout::database, Base::home, ".pki/nssdb"},
    {"Chromium", Packing::native, Layout::database, Base::data, "pki/nssdb"},
    {"Firefox", Packing::snap, Layout::sandbox, Base::home, "snap/firefox"},
    {"Chromium", Packing::snap, Layout::sandbox, Base::home, "snap/chromium"},
    {"Brave", Packing::snap, Layout::sandbox, Base::home, "snap/brave"},
    {"Firefox", Packing::flatpak, Layout::sandbox, Base::home, ".var/app/org.mozilla.firefox"},
    {"Chromium", Packing::flatpak, Layout::sandbox, Base::home, ".var/app/org.chromium.Chromium"},
    {"Google Chrome", Packing::flatpak, Layout::sandbox, Base::home, ".var/app/com.google.Chrome"},
    {"Microsoft Edge", Packing::flatpak, Layout::sandbox, Base::home, ".var/app/com.microsoft.Edge"},
    {"Brave", Packing::flatpak, Layout::sandbox, Base::home, ".var/app/com.brave.Browser"},
};

// Each is a link "HOST-PROCESS" while the browser runs with its usual folder.
constexpr const char* kChromiumLocks[] = {"chromium/SingletonLock", "google-chrome/SingletonLock",
                                          "microsoft-edge/SingletonLock", "BraveSoftware/Brave-Browser/SingletonLock",
                                          "vivaldi/SingletonLock"};
// What a folder must hold one of, to be taken for a profile.
constexpr const char* kProfileFiles[] = {"pkcs11.txt", "cert9.db", "prefs.js", "times.json"};
// Open in a process that uses the profile.
constexpr const char* kDatabaseFiles[] = {"cert9.db", "key4.db"};

fs::path base_folder(Base base) {
    const char* home = std::getenv("HOME");
    if (home == nullptr || *home == '\0') {
        throw Failed(Exit::usage, tr("HOME isn't set: whose browsers are meant isn't known. Name one with --profile."));
    }
    if (base == Base::home) return home;
    const char* other = std::getenv(base == Base::config ? "XDG_CONFIG_HOME" : "XDG_DATA_HOME");
    if (other != nullptr && *other == '/') return other;
    return fs::path(home) / (base == Base::config ? ".config" : ".local/share");
}

std::string trimmed(std::string line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.pop_back();
    return line;
}

// The folders that profiles.ini names and that are there.
std::vector<fs::path> listed_profiles(const fs::path& root) {
    std::vector<fs::path> out;
    std::ifstream file(root / "profiles.ini");
    std::string path;
    bool relative = true;
    bool in_profile = false;
    const auto finish = [&] {
        std::error_code ignored;
        if (in_profile && !path.empty()) {
            const fs::path folder = relative ? root / path : fs::path(path);
            if (fs::is_directory(folder, ignored)) out.push_back(folder);
        }
        path.clear();
        relative = true;
    };
    for (std::string line; std::getline(file, line);) {
        line = trimmed(line);
        if (line.rfind("[", 0) == 0) {
            finish();
            in_profile = line.rfind("[Profile", 0) == 0;
        } else if (line.rfind("Path=", 0) == 0) {
            path = line.substr(5);
        } else if (line == "IsRelative=0") {
            relative = false;
        }
    }
    finish();
    return out;
}

// The process number behind the last `mark` of what a link says, 0 if there is none.
pid_t process_of_link(const fs::path& link, char mark) {
    std::error_code error;
    const std::string target = fs::read_symlink(link, error).string();
    const auto at = target.rfind(mark);
    if (error || at == std::string::npos) return 0;
    return static_cast<pid_t>(std::strtol(target.c_str() + at + 1, nullptr, 10));
}

// Firefox locks .parentlock, and only where it can't does its link `lock` count ("ADDRESS:+PROCESS").
pid_t firefox_process(const fs::path& folder) {
    const int fd = ::open((folder / ".parentlock").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        struct flock lock {};
        lock.l_type = F_WRLCK;
        lock.l_whence = SEEK_SET;
        const bool told = ::fcntl(fd, F_GETLK, &lock) == 0;
        ::close(fd);
        if (told) return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
    }
    const pid_t process = process_of_link(folder / "lock", '+');
    return is_alive(process) ? process : 0;
}

pid_t chromium_process() {
    for (const char* lock : kChromiumLocks) {
        const pid_t process = process_of_link(base_folder(Base::config) / lock, '-');
        if (is_alive(process)) return process;
    }
    return 0;
}

// Any process of this user's that has the database open.
pid_t process_with_database(const fs::path& folder) {
    std::error_code error;
    const fs::path real = fs::canonical(folder, error);
    if (error) return 0;
    for (const pid_t number : other_processes()) {
        std::error_code gone;
        const fs::path open_files = "/proc/" + std::to_string(number) + "/fd";
        for (fs::directory_iterator fd(open_files, gone), last; !gone && fd != last; fd.increment(gone)) {
            std::error_code closed;
            const fs::path target = fs::read_symlink(fd->path(), closed);
            if (closed || target.parent_path() != real) continue;
            for (const char* name : kDatabaseFiles) {
                if (target.filename() == name) return number;
            }
        }
    }
    return 0;
}

}  // namespace

std::vector<BrowserProfile> browser_profiles() {
    std::vector<BrowserProfile> out;
    std::error_code ignored;
    for (const auto& place : kPlaces) {
        const fs::path folder = base_folder(place.base) / place.folder;
        if (place.layout == Layout::profiles_ini) {
            for (const auto& profile : listed_profiles(folder)) {
                out.push_back({place.program, place.packing, profile});
            }
        } else if (fs::is_directory(folder, ignored) ||
                   (place.layout == Layout::database && place.base == Base::home)) {
            out.push_back({place.program, place.packing, folder});
        }
    }
    return out;
}

BrowserProfile browser_profile_at(const std::string& folder) {
    std::error_code error;
    const fs::path path = fs::canonical(folder, error);
    if (error || !fs::is_directory(path, error)) {
        throw Failed(Exit::bad_input, fill(tr("%1 isn't there, or isn't a folder. Nothing was changed."), {folder}));
    }
    for (const auto& known : browser_profiles()) {
        if (fs::equivalent(known.folder, path, error)) return known;
    }
    for (const auto& place : kPlaces) {
        if (place.layout != Layout::sandbox) continue;
        const fs::path root = base_folder(place.base) / place.folder;
        if (path.string().rfind(root.string() + "/", 0) == 0) return {place.program, place.packing, path};
    }
    for (const char* name : kProfileFiles) {
        if (fs::exists(path / name, error)) return {tr("Browser"), Packing::native, path};
    }
    throw Failed(Exit::bad_input, fill(tr("%1 isn't a browser's profile. Nothing was changed."), {folder}));
}

std::vector<NssModule> nss_modules(const fs::path& folder) {
    std::vector<NssModule> out;
    std::ifstream file(folder / "pkcs11.txt");
    NssModule module;
    bool any = false;
    const auto finish = [&] {
        if (any) out.push_back(module);
        module = {};
        any = false;
    };
    for (std::string line; std::getline(file, line);) {
        line = trimmed(line);
        if (line.empty()) finish();
        if (line.rfind("name=", 0) == 0) module.name = line.substr(5);
        if (line.rfind("library=", 0) == 0) module.library = line.substr(8);
        any = any || !line.empty();
    }
    finish();
    return out;
}

Registration registration_of(const std::vector<NssModule>& modules, const fs::path& module) {
    Registration found = Registration::absent;
    for (const auto& each : modules) {
        const bool ours = fs::path(each.library).filename() == "libsealkey-pkcs11.so";
        if (each.name != kModuleName && !ours) continue;
        std::error_code error;
        if (fs::equivalent(each.library, module, error)) return Registration::present;
        if (!ours) {
            found = Registration::name_taken;
            continue;
        }
        // What has no whole path is the loader's to find.
        const bool gone = fs::path(each.library).is_absolute() && !fs::exists(each.library, error);
        found = gone ? Registration::dangling : Registration::elsewhere;
    }
    return found;
}

std::optional<std::string> profile_user(const BrowserProfile& profile) {
    pid_t process = firefox_process(profile.folder);
    if (process == 0 && profile.program == "Chromium") process = chromium_process();
    if (process == 0) process = process_with_database(profile.folder);
    if (process == 0) return std::nullopt;
    return process_text(process);
}

fs::path own_module() {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (const auto& folder : {program / ".." / SEALKEY_MODULE_DIR, program / "../../pkcs11-module"}) {
        const fs::path module = fs::weakly_canonical(folder / "libsealkey-pkcs11.so", error);
        if (!error && fs::exists(module, error)) return module;
    }
    return {};
}

}  // namespace sealkey::cli
