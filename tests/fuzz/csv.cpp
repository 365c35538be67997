// Tables of orders: nothing but faults comes out of bad ones, lines go up, and what is taken reads back when written.
#include "bench/csv.h"

#include <cstdint>
#include <cstdlib>

using namespace sealkey::bench;

namespace {

std::string quoted(const std::string& field) {
    std::string out = "\"";
    for (const char c : field) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + "\"";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const CsvText table = parse_csv(text);
    std::string written;
    std::size_t line = 0;
    for (const CsvRecord& record : table.records) {
        if (record.line <= line || record.fields.empty()) std::abort();
        line = record.line;
        for (std::size_t i = 0; i < record.fields.size(); ++i) {
            written += (i == 0 ? "" : ",") + quoted(record.fields[i]);
        }
        written += "\r\n";
    }
    for (const CsvFault& fault : table.faults) {
        if (fault.line == 0 || fault.text == nullptr) std::abort();
    }
    const CsvText again = parse_csv(written);
    if (!again.faults.empty() || again.records.size() != table.records.size()) std::abort();
    for (std::size_t i = 0; i < again.records.size(); ++i) {
        if (again.records[i].fields != table.records[i].fields) std::abort();
    }
    return 0;
}
