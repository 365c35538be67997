// What `sealkey doctor` may find: one table of findings with their cures, and what a check writes down.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

namespace sealkey::cli {

enum class Health { good, notice, trouble, skipped };

struct FindingRow {
    const char* name;  // in JSON
    Health health;
    const char* text;  // mark("..."), with %1, %2 ...
    const char* cure;  // the same; empty if nothing needs to be done
};

struct Finding {
    const FindingRow* row;
    std::string text;
    std::string cure;
};

[[nodiscard]] const char* health_name(Health health);

// The findings of one check, in order.
class Diagnosis {
public:
    // `name` of a row of the table; both its texts take the same arguments.
    void find(const char* name, std::initializer_list<std::string> arguments = {});
    [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
    [[nodiscard]] bool has_trouble() const;

private:
    std::vector<Finding> findings_;
};

}  // namespace sealkey::cli
