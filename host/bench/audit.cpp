#include "bench/audit.h"

#include <algorithm>

#include "ca/error.h"
#include "ca/openssl.h"

namespace sealkey::bench {

namespace {

constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kMaxIdDigits = 18;

[[noreturn]] void corrupt(const char* text, long long id) {
    throw ca::CaError(ca::Fault::corrupt, text, {std::to_string(id)});
}

}  // namespace

std::string text_of(const AuditHead& head) { return std::to_string(head.id) + ":" + head.hash; }

AuditHead parse_audit_head(const std::string& text) {
    const auto colon = text.find(':');
    const std::string id = text.substr(0, colon);
    const std::string hash = colon == std::string::npos ? "" : text.substr(colon + 1);
    const bool good = !id.empty() && id.size() <= kMaxIdDigits &&
                      id.find_first_not_of("0123456789") == std::string::npos && hash.size() == kHashDigits &&
                      hash.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!good || std::stoll(id) == 0) {
        throw ca::CaError(ca::Fault::bad_argument,
                          ca::mark("\"%1\" isn't the end of an audit trail: a number, a colon and 64 hexadecimal "
                                   "digits, as `audit verify` prints it."),
                          {text});
    }
    return {std::stoll(id), hash};
}

std::string chain_hash(const AuditRow& row) {
    // Lengths first, so that nothing can be moved from one field into the next.
    std::string text;
    for (const std::string& part :
         {row.previous, std::to_string(row.id), row.at, row.operator_name, row.action, row.subject, row.detail}) {
        text += std::to_string(part.size()) + ":" + part + ";";
    }
    return ca::sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void check_chain(const std::vector<AuditRow>& rows, const AuditHead& end, const std::optional<AuditHead>& noted) {
    AuditHead last;
    for (const AuditRow& row : rows) {
        if (row.id != last.id + 1) corrupt(ca::mark("The audit trail was changed: row %1 is missing."), last.id + 1);
        if (row.previous != last.hash || row.hash != chain_hash(row)) {
            corrupt(ca::mark("The audit trail was changed: row %1 doesn't fit the rows before it."), row.id);
        }
        last = {row.id, row.hash};
    }
    if (last.id < end.id) {
        corrupt(ca::mark("The audit trail was changed: it was cut off, and row %1 is missing."), last.id + 1);
    }
    if (last != end) {
        corrupt(ca::mark("The audit trail was changed: its last row isn't number %1, as the inventory has it noted."),
                end.id);
    }
    if (!noted) return;
    if (noted->id > last.id) {
        corrupt(ca::mark("The audit trail was cut off: row %1, which was noted elsewhere, isn't there."), noted->id);
    }
    if (rows[static_cast<std::size_t>(noted->id - 1)].hash != noted->hash) {
        corrupt(ca::mark("The audit trail was written anew: row %1 isn't the one that was noted elsewhere."),
                noted->id);
    }
}

}  // namespace sealkey::bench
