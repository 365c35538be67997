// What a command says: lines for people, or one JSON document for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sealkey::cli {

class Output {
public:
    void use_json() { json_mode_ = true; }
    [[nodiscard]] bool json() const { return json_mode_; }

    // A line for people on standard output; nothing with --json.
    void say(const std::string& line) const;
    // "label: value", the values in one column (double-width characters counted as two).
    void field(const std::string& label, const std::string& value) const;
    // A line for people on standard error, whatever the mode: warnings, what is being waited for.
    void note(const std::string& line) const;

    // The document that --json prints at the end, an object.
    nlohmann::json result = nlohmann::json::object();

private:
    bool json_mode_ = false;
};

// Columns that a UTF-8 text takes on a terminal.
[[nodiscard]] std::size_t display_width(const std::string& text);
// Control characters and broken UTF-8 from outside (names in certificates) made visible.
[[nodiscard]] std::string printable(const std::string& text);

}  // namespace sealkey::cli
