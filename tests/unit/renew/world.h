// A renewal with all its parts in one process: a token over the flash model, the client, and the CA's desk with its
// inventory. Any connection between them can be cut.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "bench/renewal_desk.h"
#include "renew/renewal.h"
#include "support/key_centre.h"
#include "support/token_fixture.h"

namespace sealkey::test {

inline constexpr char kCode[] = "91350100M000100Y43";

// Where one run is cut; nothing: not at all.
struct Cut {
    enum class At { nowhere, apdu, question, answer, flash } at = At::nowhere;
    std::size_t after = 0;      // APDUs, questions or flash operations that still go through
    bool answer_lost = false;   // apdu: the token has done it; question/answer say so by themselves
    Tear tear = Tear::nothing;  // flash
};

// What a run met on its way.
struct Count {
    std::size_t apdus = 0;
    std::size_t questions = 0;
    std::uint64_t flash = 0;
};

// The CA's folder; made once, since its keys are slow to unlock.
class CaFolder {
public:
    CaFolder();
    ~CaFolder();
    CaFolder(const CaFolder&) = delete;
    CaFolder& operator=(const CaFolder&) = delete;
    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
    [[nodiscard]] const ca::Authority& authority() const { return *authority_; }
    [[nodiscard]] const bench::DeskKeys& keys() const { return *keys_; }

private:
    std::string folder_;
    std::unique_ptr<ca::Authority> authority_;
    std::unique_ptr<bench::DeskKeys> keys_;
};

// A mock: the real key centre isn't ours. It makes another key each time it is asked, so that it shows when the CA
// doesn't stay with what it told the token.
class MockCentre final : public ca::KeyCentre {
public:
    ca::CentreKey order(const ca::CentreOrder& order) override;
    int orders = 0;
    testing::PKey last;                                  // what it gave last
    std::function<void(const ca::CentreOrder&)> before;  // may throw
    std::function<void(ca::CentreKey&)> bend;            // changes the answer, or throws: it is lost
};

// An enterprise's key with certificates, record and seal, and the CA that made it.
class World {
public:
    explicit World(CaFolder& folder, bool with_attestation_key = true);
    // Everything as after begin().
    void restore();
    // Approves a renewal and remembers the state of all parts.
    void approve(bench::RenewalOrder order = {});

    // One run of `sealkey renew`, cut or not. Throws what it throws.
    renew::Result run(const Cut& cut = {});
    [[nodiscard]] const Count& count() const { return count_; }

    // Throws std::runtime_error with what is wrong: for login and signature exactly one credential that works, on the
    // token and at the CA; the first decryption key still decrypts; at most one set staged.
    void check_usable();
    // After a finished renewal: what the token carries is what the CA says it carries, the certificates of before are
    // revoked, nothing is staged, the audit trail holds.
    void check_finished();

    [[nodiscard]] bench::Inventory& inventory() { return *inventory_; }
    [[nodiscard]] bench::RenewalDesk& desk() { return *desk_; }
    [[nodiscard]] MockCentre& centre() { return *centre_; }
    [[nodiscard]] testing::TestToken& token() { return *token_; }
    [[nodiscard]] const std::string& serial() const { return serial_; }
    [[nodiscard]] std::string pin() const { return std::string(testing::kPin); }
    // The staged key's attestation in answer to 32 bytes of this value. The PIN is in.
    [[nodiscard]] ca::ByteVector ask_token_to_attest(std::uint8_t role, std::uint8_t value);
    // What the key holds beside its keys in use.
    [[nodiscard]] token::StagingStatus staging();
    // The CA as after a crash.
    void restart_ca();
    int asked_for_pin = 0;
    // Change an answer of the CA, or a question to it, on its way.
    std::function<void(const std::string& step, nlohmann::json& answer)> bend;
    std::function<void(const std::string& step, nlohmann::json& question)> bend_question;

private:
    class Wire;
    [[nodiscard]] std::unique_ptr<token::Token> client(const Cut& cut = {});
    void make_key(bool with_attestation_key);
    void make_attestation_key(bench::Inventory::Work& work);
    void check_credential(token::Token& token, std::uint8_t slot);
    void check_decryption(token::Token& token);
    void check_brought(token::Token& token);
    [[nodiscard]] bool decrypts(token::Token& token, std::uint8_t slot, EVP_PKEY* key);

    CaFolder& folder_;
    std::string serial_;
    std::unique_ptr<testing::TestToken> token_;
    std::unique_ptr<bench::Inventory> inventory_;
    std::unique_ptr<bench::RenewalDesk> desk_;
    std::shared_ptr<MockCentre> centre_ = std::make_shared<MockCentre>();
    std::optional<FlashModel::State> flash_;
    ca::PKey first_decryption_key_;  // public half
    std::vector<std::string> first_certificates_;
    Count count_;
};

}  // namespace sealkey::test
