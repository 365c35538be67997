#include "bench/birth_record.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "ca/error.h"
#include "ca/openssl.h"
#include "files/whole_file.h"
#include "protocol/limits.h"
#include "protocol/scp03.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

constexpr std::size_t kNumberDigits = 16;
constexpr std::size_t kMostText = 512;

MutableBytes memory_of(std::string& text) { return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}; }

std::string in_capitals(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
    return text;
}

BirthRecord read_record(const std::string& path, std::size_t number_digits) {
    std::string content = ca::read_file(path);
    auto json = nlohmann::json::parse(content, nullptr, false);
    wipe(memory_of(content));
    BirthRecord record;
    bool whole = true;
    const auto take = [&](nlohmann::json& keys, const char* name, Secret<32>& out) {
        auto& text = keys.at(name).get_ref<std::string&>();
        auto key = ca::unhex(text);
        wipe(memory_of(text));
        whole = whole && key.size() == out.capacity();
        if (key.size() == out.capacity()) out.assign(key);
        wipe(key);
    };
    try {
        record.chip_id = json.at("chip_id").get<std::string>();
        record.transport_keys.version = protocol::kTransportKvn;
        auto& keys = json.at("transport_keys");
        take(keys, "enc", record.transport_keys.enc);
        take(keys, "mac", record.transport_keys.mac);
        take(keys, "dek", record.transport_keys.dek);
    } catch (const nlohmann::json::exception&) {
        whole = false;
    }
    if (!whole || record.chip_id.size() != number_digits) {
        throw CaError(Fault::bad_argument, mark("%1 isn't a factory's record of a key."), {path});
    }
    return record;
}

// Into room that was reserved: a text that grows leaves copies of its keys behind.
void append_key(std::string& text, const char* name, const Secret<32>& key, const char* end) {
    constexpr char digits[] = "0123456789abcdef";
    text.append("    \"").append(name).append("\": \"");
    for (const std::uint8_t byte : key.bytes()) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    text.append("\"").append(end);
}

}  // namespace

BirthRecord read_birth_record(const std::string& path) { return read_record(path, kNumberDigits); }

BirthRecord read_unfinished_record(const std::string& path) { return read_record(path, 0); }

void write_birth_record(const std::string& path, const BirthRecord& record) {
    std::string text;
    text.reserve(kMostText);
    text.append("{\n  \"chip_id\": \"").append(record.chip_id).append("\",\n  \"transport_keys\": {\n");
    append_key(text, "enc", record.transport_keys.enc, ",\n");
    append_key(text, "mac", record.transport_keys.mac, ",\n");
    append_key(text, "dek", record.transport_keys.dek, "\n  }\n}\n");
    int reason = 0;
    try {
        files::write_whole(path, memory_of(text), 0600, files::Existing::keep);
    } catch (const std::system_error& error) {
        reason = error.code().value();
    }
    wipe(memory_of(text));
    if (reason != 0) throw CaError(Fault::file, mark("%1 can't be written: %2."), {path, std::strerror(reason)});
}

std::string shown_serial(const std::string& chip_id) {
    return in_capitals(chip_id.substr(chip_id.size() - protocol::kSerialSize));
}

std::vector<std::string> files_ending(const std::string& folder, const std::string& suffix) {
    std::vector<std::string> found;
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
        if (entry.path().extension() == suffix) found.push_back(entry.path().string());
    }
    if (failure) throw CaError(Fault::file, mark("%1 can't be read: %2."), {folder, failure.message()});
    std::sort(found.begin(), found.end());
    return found;
}

BirthRecords::BirthRecords(const std::string& path) {
    std::error_code failure;
    const bool folder = std::filesystem::is_directory(path, failure);
    for (const std::string& file : folder ? files_ending(path, kRecordSuffix) : std::vector{path}) {
        BirthRecord record = read_birth_record(file);
        const std::string shown = shown_serial(record.chip_id);
        if (!records_.emplace(shown, std::move(record)).second) {
            throw CaError(Fault::bad_argument, mark("%1 is a factory's record of a key that another one is of too."),
                          {file});
        }
    }
    if (records_.empty()) throw CaError(Fault::bad_argument, mark("There is no factory's record in %1."), {path});
}

const BirthRecord* BirthRecords::find(const std::string& shown) const {
    const auto found = records_.find(in_capitals(shown));
    return found == records_.end() ? nullptr : &found->second;
}

}  // namespace sealkey::bench
