// Finding the keys that are plugged in, and the one that is meant.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "token/token.h"
#include "transport/transport.h"

namespace sealkey::cli {

struct FoundKey {
    std::string reader;
    token::TokenStatus status;
    std::unique_ptr<token::Token> token;
};

// A reader without a key of ours.
struct OtherReader {
    std::string reader;
    bool card_present = false;
    std::string fault;                    // why the card couldn't be asked; empty: it isn't a sealkey
    std::unique_ptr<token::Token> token;  // of a card that could
};

struct Found {
    std::vector<FoundKey> keys;
    std::vector<OtherReader> others;
};

[[nodiscard]] Found find_keys(transport::Provider& provider);

// --serial and --reader, for every command that uses a key.
class KeyChoice {
public:
    void add_to(CLI::App& app);
    // The one key that is meant. Throws Failed no_key or several_keys (naming them), and no_service.
    [[nodiscard]] FoundKey open() const { return open({}); }
    // Likewise, where one of the cards that `is_ours` takes may be meant, which can't say yet who they are: they have
    // no status, and are chosen by the reader.
    [[nodiscard]] FoundKey open(const std::function<bool(token::Token&)>& is_ours) const;
    [[nodiscard]] const std::string& serial() const { return serial_; }

private:
    std::string serial_;
    std::string reader_;
};

}  // namespace sealkey::cli
