// A log of commands and answers in which PINs, codes, keys and decrypted values are masked.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sealkey::sim {

// "CHANGE REFERENCE DATA" and the like; "00 xx" in hexadecimal for one that we don't know.
[[nodiscard]] std::string command_name(Bytes command);

// Hexadecimal; where the data of this command may be secret, its length stands in its place.
[[nodiscard]] std::string masked_command(Bytes command);
// The answer to it, masked likewise; the status word always shows.
[[nodiscard]] std::string masked_response(Bytes command, Bytes response);

struct ApduEntry {
    std::uint64_t number;
    std::string name;
    std::string command;
    std::string response;  // empty: the power went during the command
    std::uint64_t microseconds;
    std::uint64_t flash_operations;  // programs and erases during the command
};

// May be read while a command is being added.
class ApduLog {
public:
    static constexpr std::size_t kKept = 4096;  // entries; the oldest go first

    void add(Bytes command, Bytes response, std::uint64_t microseconds, std::uint64_t flash_operations);
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }  // of commands and answers
    // The entries that are kept, from this number on.
    [[nodiscard]] std::vector<ApduEntry> since(std::uint64_t number) const;
    [[nodiscard]] ApduEntry last() const;

private:
    mutable std::mutex mutex_;
    std::atomic<std::uint64_t> count_ = 0;
    std::atomic<std::uint64_t> bytes_ = 0;
    std::deque<ApduEntry> entries_;
    bool last_was_secret_ = false;  // for GET RESPONSE
};

}  // namespace sealkey::sim
