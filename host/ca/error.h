// What the certificate authority refuses, named by what a caller can do about it.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace sealkey::ca {

// Marks a message for translation where it is written; the command line translates it where it is shown.
constexpr const char* mark(const char* text) { return text; }

enum class Fault {
    bad_passphrase,  // the passphrase doesn't open the file
    bad_request,     // a certificate request breaks a rule
    bad_code,        // a unified social credit code or another code breaks its rule
    bad_argument,    // another value breaks its stated rule
    expired,         // a certificate of the CA isn't valid at this time
    forged,          // a check value is wrong: not made by the token it names, or changed on the way
    replayed,        // a lock event that is over
    unknown,         // no such token, certificate or key version
    exists,          // something stands where a new thing was to be made
    policy,          // a rule of the CA's policy refuses it
    corrupt,         // a file of the CA is damaged
    file,            // a file can't be read or written
    quality,         // a quality check failed
    busy,            // the same is under way for somebody else: later
    crypto,          // the cryptographic library failed
};

// The message is English, with %1, %2, ... where the arguments go; the pieces are kept so that it can be shown in
// another language.
class CaError : public std::runtime_error {
public:
    CaError(Fault fault, const char* text, std::vector<std::string> arguments = {})
        : std::runtime_error(filled(text, arguments)), fault_(fault), text_(text), arguments_(std::move(arguments)) {}

    [[nodiscard]] Fault fault() const { return fault_; }
    [[nodiscard]] const char* text() const { return text_; }
    [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }

private:
    static std::string filled(const std::string& text, const std::vector<std::string>& arguments) {
        std::string out;
        for (std::size_t i = 0; i < text.size(); ++i) {
            const std::size_t n =
                text[i] == '%' && i + 1 < text.size() ? static_cast<std::size_t>(text[i + 1] - '1') : 99;
            if (n < arguments.size()) {
                out += arguments[n];
                ++i;
            } else {
                out += text[i];
            }
        }
        return out;
    }

    Fault fault_;
    const char* text_;
    std::vector<std::string> arguments_;
};

}  // namespace sealkey::ca
