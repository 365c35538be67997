#include "cli/common/i18n.h"

#include <libintl.h>

#include <clocale>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "message/message.h"

namespace sealkey::cli {

namespace {

constexpr char kSharedDomain[] = "sealkey";

// The locale that the environment asks for, by POSIX's order.
std::string wanted_locale() {
    for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
        const char* value = std::getenv(name);
        if (value != nullptr && *value != '\0') return value;
    }
    return "C";
}

std::string catalogue_folder() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) return {};
    for (const auto& folder : {program.parent_path() / "locale", program.parent_path() / "../share/locale"}) {
        if (std::filesystem::is_directory(folder, error)) return folder.string();
    }
    return {};
}

}  // namespace

void init_messages(const char* domain) {
    if (std::setlocale(LC_ALL, "") == nullptr) {
        // A machine without the locale's data (containers, small installations) still has our catalogues.
        std::setlocale(LC_ALL, "C.UTF-8");
        const char* languages = std::getenv("LANGUAGE");
        if (languages == nullptr || *languages == '\0') setenv("LANGUAGE", wanted_locale().c_str(), 1);
    }
    // Numbers in files and JSON keep their dot.
    std::setlocale(LC_NUMERIC, "C");
    const std::string folder = catalogue_folder();
    for (const char* name : {domain, kSharedDomain}) {
        if (!folder.empty()) bindtextdomain(name, folder.c_str());
        bind_textdomain_codeset(name, "UTF-8");
    }
    textdomain(domain);
}

const char* tr(const char* text) {
    const char* own = gettext(text);
    return own != text ? own : dgettext(kSharedDomain, text);
}

const char* trn(const char* singular, const char* plural, unsigned long n) {
    const char* own = ngettext(singular, plural, n);
    return own != singular && own != plural ? own : dngettext(kSharedDomain, singular, plural, n);
}

std::string fill(const std::string& text, std::initializer_list<std::string> arguments) {
    return message::filled(text, {arguments.begin(), arguments.size()});
}

}  // namespace sealkey::cli
