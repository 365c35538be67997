// A sealkey-sim process with a token of the compatibility profile, personalised for the module's tests.
#pragma once

#include <sys/types.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "token/token.h"

struct evp_pkey_st;

namespace sealkey::test {

using ByteVector = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using Key = std::shared_ptr<evp_pkey_st>;

inline constexpr char kPin[] = "123456";
inline constexpr char kPuk[] = "12345678";

// The keys that the tests import: one RSA-2048 key, one P-256 key.
[[nodiscard]] Key rsa_key();
[[nodiscard]] Key ec_key();
// A certificate over a public key, by a CA made for it; `ballast` bytes of a private extension make it longer.
[[nodiscard]] ByteVector certificate_for(const Key& key, const std::string& name, std::size_t ballast = 0);

class SimulatedKey {
public:
    SimulatedKey();
    ~SimulatedKey();
    SimulatedKey(const SimulatedKey&) = delete;
    SimulatedKey& operator=(const SimulatedKey&) = delete;

    [[nodiscard]] const std::string& socket_path() const { return socket_; }
    nlohmann::json control(const std::string& command);
    void unplug();
    void plug();
    // As another program would: the token forgets the PIN.
    void reset_card();
    [[nodiscard]] std::size_t apdus() { return control("status")["apdus"]; }
    // Names of the commands since the first `since` ones.
    [[nodiscard]] std::vector<std::string> commands(std::size_t since = 0);
    // Presentations of the PIN since then: VERIFY with data.
    [[nodiscard]] std::size_t verifications(std::size_t since = 0);

    // Whether a program that knows no PIN gets a signature by 9C now.
    [[nodiscard]] bool signs_without_pin();

    // A client of its own, which shares the token's session with the module.
    [[nodiscard]] std::unique_ptr<token::Token> client();
    // 9A 9C 9D: the RSA key; 82: the P-256 key; each with a certificate. 9E: the P-256 key without one.
    void personalise();
    void authenticate(token::Token& token);

private:
    std::string folder_;
    std::string socket_;
    std::string control_;
    pid_t process_ = 0;
};

}  // namespace sealkey::test
