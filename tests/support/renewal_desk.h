// A renewal from both ends, in one process: a CA made with OpenSSL, which shares nothing with the token's own reading
// of requests and certificates, and the procedure of a client that finds out where the last attempt stopped and goes
// on.
#pragma once

#include <openssl/evp.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/token_fixture.h"
#include "token/staging.h"

namespace sealkey::testing {

using PKey = std::shared_ptr<EVP_PKEY>;

// A curve, "RSA-1024", "RSA-2048" or "RSA-4096".
PKey new_key(const std::string& kind);
PKey key_of(const token::PublicKey& key);
PKey key_of_certificate(const ByteVector& der);
ByteVector public_key_info(const PKey& key);  // SubjectPublicKeyInfo
bool verifies(const PKey& key, const ByteVector& message, const ByteVector& signature, const char* hash = "SHA256");
ByteVector sign_message(const PKey& key, const ByteVector& message, const char* hash = "SHA256");
token::Digest digest_of(const ByteVector& data);

// An unsigned PKCS #10 request.
ByteVector request_info(const PKey& key, const std::string& name = "renewed");

class TestCa {
public:
    explicit TestCa(const std::string& kind = "P-256", const std::string& name = "Test CA");
    [[nodiscard]] const ByteVector& certificate() const { return certificate_; }
    [[nodiscard]] const PKey& key() const { return key_; }
    // DER; the ballast is an extension of that many bytes.
    [[nodiscard]] ByteVector issue(const PKey& key, const std::string& name, const char* hash = "SHA256",
                                   std::size_t ballast = 0);
    [[nodiscard]] ByteVector manifest(const token::Manifest& manifest, const char* hash = "SHA256") const;

private:
    PKey key_;
    std::string name_;
    ByteVector certificate_;
    long serial_ = 1000;
};

// The host's client library on a token of the tests.
class TokenConnection final : public transport::Connection {
public:
    explicit TokenConnection(TestToken& token, bool extended = true) : token_(token), extended_(extended) {}
    ByteVector transmit(transport::ByteView command) override;
    void begin_transaction() override {}
    void end_transaction() noexcept override {}
    [[nodiscard]] ByteVector atr() const override { return {0x3B, 0x00}; }
    [[nodiscard]] bool extended_length() const override { return extended_; }

    // The connection breaks at the APDU that comes after this many: before the token has it, or with its answer lost.
    // The card is reset then.
    struct Cut {
        std::size_t after = 0;
        bool answer_lost = false;
    };
    std::optional<Cut> cut;
    std::size_t sent = 0;
    bool broken = false;

private:
    TestToken& token_;
    bool extended_;
};

// What is renewed, and the values that go with it.
struct RenewalPlan {
    token::Rid rid{};
    std::vector<token::StageRole> roles;
    std::optional<ByteVector> seal;
    std::optional<ByteVector> record;
    std::optional<ByteVector> next_issuer;  // object value
    token::Guid guid{};
    PKey centre;  // a key centre's for 9D; none: the token makes it
};
RenewalPlan plan_of(std::uint8_t number, std::vector<token::StageRole> roles);

// What a desk throws at the answer that it was told to break at.
struct DeskBroken : std::runtime_error {
    DeskBroken() : std::runtime_error("the CA doesn't answer") {}
};

// The CA's desk: remembers what it issued, by renewal and key, and answers the same again.
class RenewalDesk {
public:
    explicit RenewalDesk(TestCa& ca) : ca_(&ca) {}
    // The certificate object for a request that the new key has signed and the old one has consented to. Throws
    // std::runtime_error for a signature that doesn't verify.
    ByteVector request(const RenewalPlan& plan, std::uint8_t role, const ByteVector& info, const ByteVector& signature,
                       const char* hash, const PKey& old_key, const ByteVector& consent);
    void prove(const RenewalPlan& plan, std::uint8_t role, const token::StageNonce& nonce, const ByteVector& signature);
    // The manifest, once every role is proven.
    ByteVector manifest(const RenewalPlan& plan);
    void confirm(const RenewalPlan& plan, std::uint8_t role, const ByteVector& signature);

    [[nodiscard]] const ByteVector& issued(const token::Rid& rid, std::uint8_t role) const {
        return certificates_.at({rid, role});
    }
    [[nodiscard]] bool confirmed(const token::Rid& rid) const { return confirmed_.count(rid) != 0; }
    [[nodiscard]] std::size_t certificates() const { return certificates_.size(); }

    // The desk breaks at its answer after this many, with what was asked noted or not.
    void break_at(int after, bool noted) {
        break_at_ = after;
        noted_ = noted;
        answers_ = 0;
    }
    void mend() { break_at_ = -1; }
    [[nodiscard]] bool broke() const { return broke_; }

private:
    using Key = std::pair<token::Rid, std::uint8_t>;
    // Around each answer: throws before the work, or after it.
    void begin_answer();
    void end_answer();
    ByteVector certify(const RenewalPlan& plan, std::uint8_t role, const ByteVector& info, const ByteVector& signature,
                       const char* hash, const PKey& old_key, const ByteVector& consent);

    TestCa* ca_;
    std::map<Key, ByteVector> certificates_;  // objects
    std::map<Key, ByteVector> keys_;          // SubjectPublicKeyInfo
    std::map<Key, bool> proven_;
    std::map<token::Rid, bool> confirmed_;
    int break_at_ = -1;
    bool noted_ = false;
    bool broke_ = false;
    int answers_ = 0;
};

// Parts of the client's procedure, for one role: the certificate asked for and loaded; the proof.
void request_certificate(token::Token& token, RenewalDesk& desk, const RenewalPlan& plan, std::uint8_t role);
void prove_role(token::Token& token, RenewalDesk& desk, const RenewalPlan& plan, std::uint8_t role);

// The centre's key in an envelope, where the plan has one and the token doesn't yet.
void bring_centre_key(token::Token& token, const RenewalPlan& plan);

// One run of the client's procedure: does what is still to be done, whatever that is. Throws what the client throws.
// `before_commit` is called when everything is loaded and proven.
void run_renewal(token::Token& token, std::string_view pin, RenewalDesk& desk, const RenewalPlan& plan,
                 const std::function<void()>& before_commit = {});

// A personalised key with certificates of the CA in 9A, 9C and 9D, seal, record and issuer certificate, and its PIN.
struct IssuedKey {
    std::unique_ptr<TestToken> token;
    std::string pin;
    std::map<std::uint8_t, ByteVector> certificates;  // objects, by slot
};
IssuedKey issued_key(TestCa& ca, Profile profile, platform::FlashGeometry geometry = {4096, 128, 256});

// Bytes that tell apart: a seal, a record.
ByteVector some_bytes(std::size_t size, std::uint8_t seed);

}  // namespace sealkey::testing
