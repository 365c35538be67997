// Keys named one by one, or scanned from their labels: for commands that take several at once.
#pragma once

#include <string>
#include <vector>

#include "cli/bench/bench_common.h"

namespace sealkey::cli {

class ChosenKeys {
public:
    void add_to(CLI::App& command);
    [[nodiscard]] bool given() const { return !keys_.empty() || !file_.empty(); }
    // Serial numbers, from --key, --keys and the program's --serial. Throws Failed usage where there are none.
    [[nodiscard]] std::vector<std::string> serials(const Context& context) const;

private:
    std::vector<std::string> keys_;
    std::string file_;
};

}  // namespace sealkey::cli
