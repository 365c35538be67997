// Messages that are written in English where something happens, and shown in the reader's language somewhere else.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace sealkey::message {

// Marks a message for translation where it is written; the command line translates it where it is shown.
constexpr const char* mark(const char* text) { return text; }

// Puts the arguments where %1 to %9 stand; a place without an argument stays as it is.
[[nodiscard]] std::string filled(const std::string& text, std::span<const std::string> arguments);

// What failed, named by what a caller can do about it (an enumeration of the room that throws it), with its message:
// the pieces are kept so that it can be filled again in another language. what() is the English one.
template <class Fault>
class FaultError : public std::runtime_error {
public:
    FaultError(Fault fault, const char* text, std::vector<std::string> arguments = {})
        : std::runtime_error(filled(text, arguments)), fault_(fault), text_(text), arguments_(std::move(arguments)) {}

    [[nodiscard]] Fault fault() const { return fault_; }
    [[nodiscard]] const char* text() const { return text_; }
    [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }

private:
    Fault fault_;
    const char* text_;
    std::vector<std::string> arguments_;
};

}  // namespace sealkey::message
