// Another program, run to its end.
#pragma once

#include <string>
#include <vector>

namespace sealkey::cli {

struct ChildResult {
    bool started = false;  // false: the program isn't there
    int code = 0;          // 128 and the signal's number if a signal ended it
    std::string output;    // both of its streams
};

// The program is looked for on the PATH; it gets no input, and English for its language. Throws Failed (failed) when
// the system can't run anything.
[[nodiscard]] ChildResult run_child(const std::vector<std::string>& arguments);

}  // namespace sealkey::cli
