// What `sign`, `stamp`, `seal` and `verify` share: faults told for people, files, the key that signs.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "cli/common/program.h"
#include "seal/seal.h"
#include "sign/error.h"
#include "sign/pdf_verify.h"
#include "sign/token_key.h"

namespace sealkey::cli {

// Whether something was to be made (what refuses it is a rule: not_allowed) or to be checked (what refuses it is the
// result: not_verified).
enum class Purpose { making, checking };

// Runs `work`; what the seal's and the signature's rooms refuse becomes Failed, with "fault" in its details.
Exit explained(Purpose purpose, const std::function<Exit()>& work);

// A whole file, "-" for standard input. Throws Failed file_error, bad_input if longer than `limit`.
[[nodiscard]] token::ByteVector read_file(const std::string& path, std::size_t limit);
inline constexpr std::size_t kMaxSignedFile = 512 * 1024 * 1024;
inline constexpr std::size_t kMaxAuthorityFile = 16 * 1024 * 1024;

// Throws Failed bad_input: the output is the input, or is there already and `force` isn't given.
void require_new_file(const std::string& output, const std::string& input, bool force);

[[nodiscard]] seal::Time time_now();

// The signing key in a slot, whose PIN is asked when the signature is made.
[[nodiscard]] std::unique_ptr<sign::TokenKey> signing_key(FoundKey& key, std::uint8_t slot, const SecretInput& pin);

// --ca, --crl, --timestamp-ca, --seal-ca, --seal-crl
class TrustFiles {
public:
    void add_to(CLI::App& command, bool signers, bool seals);
    [[nodiscard]] sign::Trust read() const;  // throws Failed usage: lists of seal makers without their authority
    [[nodiscard]] bool has_seal_authorities() const { return !seal_authorities_.empty(); }

private:
    std::string authorities_;
    std::string crl_;
    std::string seal_authorities_;
    std::vector<std::string> seal_crls_;
    std::string timestamp_authorities_;
};

// --timestamp
class TimestampChoice {
public:
    void add_to(CLI::App& command);
    // What asks the authority and keeps its answer for said(); empty if no timestamp is wanted. Throws Failed usage for
    // an address that isn't one, so call it before anything is asked of the user.
    [[nodiscard]] sign::Timestamper timestamper();
    // Tells the user, and gives the result's field "timestamp": null if none was wanted.
    [[nodiscard]] nlohmann::json said(const Output& out) const;

private:
    std::string url_;
    std::optional<sign::Timestamp> made_;
};

[[nodiscard]] nlohmann::json timestamp_json(const sign::Timestamp& timestamp);
void say_timestamp(const Output& out, const sign::Timestamp& timestamp);

// A seal for people and for programs.
[[nodiscard]] nlohmann::json seal_json(const seal::Seal& seal);
void say_seal(const Output& out, const seal::Seal& seal);

// The maker of a seal, by what --seal-ca and --seal-crl say; `now` for a seal that is used now.
void require_maker(const seal::Seal& seal, const sign::Trust& trust, seal::Time now);

}  // namespace sealkey::cli
