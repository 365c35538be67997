// Other programs of this machine, as /proc shows them.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace sealkey::cli {

[[nodiscard]] bool is_alive(pid_t process);
// "firefox-esr (process 4711)"
[[nodiscard]] std::string process_text(pid_t process);
// All but this one.
[[nodiscard]] std::vector<pid_t> other_processes();
// Those that have a library loaded whose file name begins so. Another user's are seen by root alone.
[[nodiscard]] std::vector<pid_t> processes_with_library(const std::string& begin);

}  // namespace sealkey::cli
