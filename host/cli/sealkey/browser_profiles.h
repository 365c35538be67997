// Where the user's browsers keep their lists of PKCS#11 modules, and what stands in one (NSS's pkcs11.txt).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace sealkey::cli {

// A browser from a snap or a flatpak has its own file system: it can't load a module of this one.
enum class Packing { native, snap, flatpak };

struct BrowserProfile {
    std::string program;  // "Firefox"
    Packing packing = Packing::native;
    std::filesystem::path folder;  // of the list; of a snap or flatpak: where it keeps everything
};

// Those of the user whose HOME it is. Chromium's is among them even before it is made.
[[nodiscard]] std::vector<BrowserProfile> browser_profiles();
// The one that --profile names. Throws Failed (bad_input) if the folder isn't there or no profile.
[[nodiscard]] BrowserProfile browser_profile_at(const std::string& folder);

struct NssModule {
    std::string name;
    std::string library;
};

// The list as it stands; empty if there is none yet.
[[nodiscard]] std::vector<NssModule> nss_modules(const std::filesystem::path& folder);

enum class Registration {
    absent,
    present,
    elsewhere,   // sealkey's module is named, but another file than the one that is meant
    dangling,    // the same, and that file isn't there
    name_taken,  // the name stands for something that isn't ours
};
inline constexpr const char* kModuleName = "sealkey";
[[nodiscard]] Registration registration_of(const std::vector<NssModule>& modules, const std::filesystem::path& module);

// The program that has the profile open now, as "firefox-esr (process 4711)"; empty if none.
[[nodiscard]] std::optional<std::string> profile_user(const BrowserProfile& profile);

// The module beside this program: where it was installed, or in the build.
[[nodiscard]] std::filesystem::path own_module();

}  // namespace sealkey::cli
