// Running another program: the independent path of the quality check, and the way to a key centre.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace sealkey::bench {

struct ProgramResult {
    int code = 0;  // exit code; 128 + number for a signal; 127 if it couldn't be started
    bool timed_out = false;
    std::string output;  // standard output and error together, at most 64 KiB
};

// At most 4096 bytes, which a pipe takes at once.
struct ProgramInput {
    std::string text;           // its standard input
    bool errors_apart = false;  // its standard error is ours, and not in `output`
};

// Runs `arguments` (the program is found by PATH) with `environment` added to ours. It is ended when the time is over.
[[nodiscard]] ProgramResult run_program(const std::vector<std::string>& arguments,
                                        const std::vector<std::pair<std::string, std::string>>& environment,
                                        std::chrono::seconds limit, const ProgramInput& input = {});

}  // namespace sealkey::bench
