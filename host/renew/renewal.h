// A renewal from the enterprise's side. One call finds out where the last one stopped, on the token and at the CA, and
// goes on from there to the end. What was interrupted is never lost: each step can be repeated, and until the token's
// COMMIT everything old works, from then on everything new.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "token/staging.h"

namespace sealkey::renew {

// A question to the CA: "look", "envelope", "request", "prove", "confirm", and the message. Throws Refusal, or what the
// connection throws.
using Ask = std::function<nlohmann::json(const std::string& step, const nlohmann::json& message)>;

// The CA says no, or what it says makes no sense.
class Refusal : public std::runtime_error {
public:
    // `fault`: "over" (the key holds another renewal, ready, whose end isn't signed), "policy", "expired", "forged",
    // "attestation" (with the defect's name), "bad_request", "unknown", "failed"; "malformed" for an answer that can't
    // be understood.
    Refusal(std::string fault, const std::string& message, std::string defect = {})
        : std::runtime_error(message), fault_(std::move(fault)), defect_(std::move(defect)) {}
    [[nodiscard]] const std::string& fault() const { return fault_; }
    [[nodiscard]] const std::string& defect() const { return defect_; }

private:
    std::string fault_, defect_;
};

enum class Step { keys, request, load, prove, commit, confirm };
[[nodiscard]] const char* name_of(Step step);
// Called when a step begins, and within it with bytes or keys done.
using Told = std::function<void(Step step, std::size_t done, std::size_t total)>;

enum class Outcome {
    renewed,
    already_renewed,  // there was nothing left to do
    not_approved,     // the CA has no renewal for this key
    refused,          // the provider refused it; what was staged is dropped
};

struct Result {
    Outcome outcome = Outcome::not_approved;
    std::string rid;
    std::string remark;              // of a refusal
    std::string key;                 // the state of a key whose end ended the renewal; otherwise empty
    std::vector<std::string> slots;  // that were renewed
    bool resumed = false;            // an earlier run had begun it
    Step from = Step::keys;          // the step that this run began with
};

// `pin` is asked once, and only when there is something to do that needs it. Throws Refusal, token::TokenError,
// transport::TransportError, ca::CaError.
[[nodiscard]] Result renew(token::Token& token, const std::function<Bytes()>& pin, const Ask& ask,
                           const Told& told = {});

}  // namespace sealkey::renew
