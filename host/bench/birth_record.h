// The factory's records of blank keys, and the one place of the host that knows their form: the chip's number, and the
// transport keys that the key's birth needs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "token/scp03.h"

namespace sealkey::bench {

struct BirthRecord {
    std::string chip_id;  // 16 hexadecimal digits; empty: unfinished, the key hasn't told it yet
    token::ChannelKeys transport_keys;
};
// Throw CaError bad_argument, file.
[[nodiscard]] BirthRecord read_birth_record(const std::string& path);
[[nodiscard]] BirthRecord read_unfinished_record(const std::string& path);
// For its owner alone, and on the disk when the call is back. A file of this name is never touched. Throws CaError
// file.
void write_birth_record(const std::string& path, const BirthRecord& record);

// What a blank key shows as its serial number: the end of its chip's.
[[nodiscard]] std::string shown_serial(const std::string& chip_id);

// The files of a folder whose names end so, sorted. Throws CaError file.
[[nodiscard]] std::vector<std::string> files_ending(const std::string& folder, const std::string& suffix);
inline constexpr char kRecordSuffix[] = ".json";

// Those of a folder, found by the serial number that a blank key shows.
class BirthRecords {
public:
    // Every *.json of the folder, or the one file. Throws CaError bad_argument for one that isn't a record or is about
    // a key that another one is about; file.
    explicit BirthRecords(const std::string& path);
    [[nodiscard]] const BirthRecord* find(const std::string& shown) const;
    [[nodiscard]] std::size_t size() const { return records_.size(); }

private:
    std::map<std::string, BirthRecord> records_;
};

}  // namespace sealkey::bench
