// Tables of text as RFC 4180 has them: fields between commas, quoted by " where they hold commas, quotes or line ends.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sealkey::bench {

struct CsvRecord {
    std::size_t line = 0;  // where it begins, 1 being the first
    std::vector<std::string> fields;
    bool operator==(const CsvRecord&) const = default;
};

struct CsvFault {
    std::size_t line = 0;
    const char* text = nullptr;  // marked for translation
};

struct CsvText {
    std::vector<CsvRecord> records;  // without those that have a fault
    std::vector<CsvFault> faults;
};

// Lines end with CR LF or LF; empty lines and a byte order mark at the begin are passed over. After a fault it goes on
// with the next line, so that all faults are told at once.
[[nodiscard]] CsvText parse_csv(std::string_view text);

}  // namespace sealkey::bench
