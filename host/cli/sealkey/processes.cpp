#include "cli/sealkey/processes.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/common/i18n.h"

namespace sealkey::cli {

bool is_alive(pid_t process) { return process > 0 && (::kill(process, 0) == 0 || errno == EPERM); }

std::string process_text(pid_t process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/comm");
    std::string name;
    std::getline(file, name);
    return fill(tr("%1 (process %2)"), {name.empty() ? "?" : name, std::to_string(process)});
}

std::vector<pid_t> other_processes() {
    std::vector<pid_t> out;
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
         entry.increment(error)) {
        const pid_t number = static_cast<pid_t>(std::strtol(entry->path().filename().c_str(), nullptr, 10));
        if (number > 0 && number != ::getpid()) out.push_back(number);
    }
    return out;
}

std::vector<pid_t> processes_with_library(const std::string& begin) {
    std::vector<pid_t> out;
    for (const pid_t process : other_processes()) {
        std::ifstream maps("/proc/" + std::to_string(process) + "/maps");
        for (std::string line; std::getline(maps, line);) {
            if (line.find("/" + begin) == std::string::npos) continue;
            out.push_back(process);
            break;
        }
    }
    return out;
}

}  // namespace sealkey::cli
