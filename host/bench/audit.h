// The audit trail: rows chained by SHA-256, each over the one before. What is told here is the chain itself; the rows
// are written by Inventory::Work, in the transaction of the change that they tell.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sealkey::bench {

struct AuditRow {
    long long id = 0;
    std::string at;
    std::string operator_name;
    std::string action;
    std::string subject;
    std::string detail;  // JSON
    std::string previous;
    std::string hash;
};

// Where the chain ends. Noted elsewhere, it shows later that nothing up to there was changed or cut off.
struct AuditHead {
    long long id = 0;  // 0: no rows
    std::string hash;
    bool operator==(const AuditHead&) const = default;
};
// "17:9f86d0..."
[[nodiscard]] std::string text_of(const AuditHead& head);
// Throws CaError bad_argument.
[[nodiscard]] AuditHead parse_audit_head(const std::string& text);

[[nodiscard]] std::string chain_hash(const AuditRow& row);

// `rows` in the order of their numbers, `end` the last row as the inventory has it noted, `noted` one that was noted
// elsewhere. Throws CaError corrupt naming the first row that was changed, taken out, moved or cut off.
void check_chain(const std::vector<AuditRow>& rows, const AuditHead& end, const std::optional<AuditHead>& noted);

}  // namespace sealkey::bench
