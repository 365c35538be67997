// A key centre makes decryption keys and keeps a copy, so that an enterprise's files outlive its token. It isn't ours:
// here is what the CA asks of one, and how its answer is judged. The key itself travels in an envelope for the token
// (protocol/renewal.h), which neither the CA nor anybody on the way can open.
#pragma once

#include <string>
#include <string_view>

#include "ca/openssl.h"
#include "token/staging.h"

namespace sealkey::ca {

struct CentreOrder {
    std::string serial;                                         // the token's
    token::Rid name{};                                          // the renewal; at first issue a name of the CA's own
    protocol::Algorithm algorithm = protocol::Algorithm::none;  // of the key that is wanted
    ByteVector recipient;                                       // SubjectPublicKeyInfo of the key in 9D now
};

struct CentreKey {
    ByteVector public_key;  // SubjectPublicKeyInfo
    ByteVector envelope;
};

class KeyCentre {
public:
    KeyCentre() = default;
    KeyCentre(const KeyCentre&) = delete;
    KeyCentre& operator=(const KeyCentre&) = delete;
    virtual ~KeyCentre() = default;
    // Asked again for an order of the same name, after an interruption, it may give the same key or another one: what
    // it gave last counts. Throws CaError.
    virtual CentreKey order(const CentreOrder& order) = 0;
};

// One line of JSON, and the answer to it: docs/renewal.md, "A key centre".
[[nodiscard]] std::string centre_question(const CentreOrder& order);
inline constexpr std::size_t kMaxCentreAnswer = 16 * 1024;
// The answer must name this order, this token and this algorithm, and bring a key of it that isn't the recipient's, in
// an envelope as long as one for the recipient is. Throws CaError quality.
[[nodiscard]] CentreKey read_centre_answer(std::string_view answer, const CentreOrder& order);

}  // namespace sealkey::ca
