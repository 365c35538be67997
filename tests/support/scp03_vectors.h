// The public SCP03 vectors of tests/data, for both sides of the channel.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/hex.h"

namespace sealkey::testing {

struct Scp03Exchange {
    std::vector<std::uint8_t> plain;  // APDUs
    std::vector<std::uint8_t> wrapped;
    std::vector<std::uint8_t> response;  // with status word; empty: not recorded
    std::vector<std::uint8_t> response_plain;
};
struct Scp03Set {
    std::string name;
    std::uint8_t level = 0;
    std::vector<std::uint8_t> enc, mac, dek, initialize_update, initialize_update_response, external_authenticate;
    std::vector<Scp03Exchange> exchanges;
};

inline nlohmann::json scp03_file(const std::string& name) {
    std::ifstream in(std::string(SEALKEY_TEST_DATA) + "/" + name);
    return nlohmann::json::parse(in);
}

// Of both files, or of the one named.
inline std::vector<Scp03Set> scp03_vectors(const std::string& only = {}) {
    std::vector<Scp03Set> out;
    for (const char* file : {"scp03-vectors.json", "scp03-levels.json"}) {
        if (!only.empty() && only != file) continue;
        const nlohmann::json content = scp03_file(file);
        for (const auto& from : content.at("sets")) {
            const auto bytes = [](const nlohmann::json& where, const char* key) {
                return where.contains(key) ? from_hex(where.at(key).get<std::string>()) : std::vector<std::uint8_t>{};
            };
            Scp03Set set;
            set.enc = bytes(from, "key_enc");
            set.mac = bytes(from, "key_mac");
            set.dek = bytes(from, "key_dek");
            set.initialize_update = bytes(from, "initialize_update");
            set.initialize_update_response = bytes(from, "initialize_update_response");
            set.external_authenticate = bytes(from, "external_authenticate");
            set.level = set.external_authenticate.at(2);
            set.name = std::to_string(from.at("aes_bits").get<int>()) + " level " + to_hex({&set.level, 1});
            for (const auto& command : from.at("commands")) {
                set.exchanges.push_back({bytes(command, "plain"), bytes(command, "wrapped"), bytes(command, "response"),
                                         bytes(command, "response_plain")});
            }
            out.push_back(std::move(set));
        }
    }
    return out;
}

}  // namespace sealkey::testing
