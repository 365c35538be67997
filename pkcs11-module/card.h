// A token in a reader as this module sees it: its status, its objects, the login, and private-key operations. Reads
// from the token are lazy and remembered; what is only polled (status, flags) never sends a command.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "certificate_cache.h"
#include "objects.h"
#include "token/token.h"

namespace sealkey::pkcs11 {

class Card final : private Material {
public:
    // Connects and recognises (2 commands at most). Returns nullptr if the card is of another kind. Throws TokenError
    // where it is ours, or may be, and its answer is none: that may pass.
    [[nodiscard]] static std::unique_ptr<Card> open(std::unique_ptr<transport::Connection> connection,
                                                    CertificateCache& cache);
    ~Card() override = default;

    [[nodiscard]] const token::TokenStatus& status() const { return status_; }
    // Reads the status again unless it is fresh, or a PIN-always key's PIN waits for its operation.
    void refresh_if_stale();

    // --- objects; handles are the library's ---
    using Handles = std::map<CK_OBJECT_HANDLE, std::shared_ptr<Object>>;
    [[nodiscard]] const Handles& objects() const { return objects_; }

    // --- login; every PIN is sent once, whatever comes of it ---
    [[nodiscard]] bool logged_in() const { return logged_in_; }
    void login(ByteView pin);
    void logout();
    // All sessions are closed: the application is logged out, the card is left as it is for other programs.
    void forget_login();
    void change_pin(ByteView old_pin, ByteView new_pin);
    // VERIFY for one operation of a PIN-always key. The card's transaction is kept until that operation or until
    // drop_authorisation(), so that no other program can use or consume it.
    void authorise(CK_SESSION_HANDLE session, ByteView pin);
    // The session whose operation the card is held for; CK_INVALID_HANDLE: none.
    [[nodiscard]] CK_SESSION_HANDLE authorised_session() const { return authorised_session_; }
    // Of one that wasn't used: what the PIN opened is closed on the card, by one command, before others get at it.
    void drop_authorisation(CK_SESSION_HANDLE session) noexcept;
    // The same for one that has been held too long: a program that never ends its operation must not lock the others
    // out until it exits.
    void drop_late_authorisation() noexcept;

    // --- the security officer, by the management key: the compatibility profile alone (card_management.cpp) ---
    [[nodiscard]] bool managed() const { return managed_; }
    void require_managed() const;  // CKR_TOKEN_WRITE_PROTECTED, CKR_USER_NOT_LOGGED_IN
    void manage_login(ByteView pin);
    void manage_logout();
    void change_management_key(ByteView old_pin, ByteView new_pin);
    void set_user_pin(ByteView pin);  // C_InitPIN
    void write_certificate(std::uint8_t slot, ByteView der);
    void remove_certificate(std::uint8_t slot);
    void remove_key(std::uint8_t slot);
    void generate(std::uint8_t slot, const KeyAlgorithm& algorithm);
    void import_rsa(std::uint8_t slot, const KeyAlgorithm& algorithm, const token::RsaPrivateKey& key);
    void import_ec(std::uint8_t slot, const KeyAlgorithm& algorithm, ByteView scalar);

    // --- private-key operations: CKR_USER_NOT_LOGGED_IN ---
    void require_login(const Key& key) const;
    // CKR_KEY_HANDLE_INVALID where the slot holds another key than the handle means, as far as is known. Another
    // program may have replaced it a moment ago: a signature is held against known_parts(), and one that isn't the
    // key's ends in refuse_signature(). Decryption and derivation have nothing to be held against: they look at the
    // status first.
    [[nodiscard]] ByteVector sign(CK_SESSION_HANDLE session, const Key& key, ByteView input);
    [[nodiscard]] ByteVector decrypt(CK_SESSION_HANDLE session, const Key& key, ByteView block);
    [[nodiscard]] ByteVector derive(CK_SESSION_HANDLE session, const Key& key, ByteView point);
    // For operations on the host. The key's public half, read once.
    [[nodiscard]] PublicKeyParts public_parts(const Key& key);
    // The same where it has been read already; sends nothing.
    [[nodiscard]] std::optional<PublicKeyParts> known_parts(const Key& key);
    // CKR_KEY_HANDLE_INVALID if the key was replaced, CKR_DEVICE_ERROR if the token computed wrongly.
    [[noreturn]] void refuse_signature(const Key& key);
    // Reads the status, except between a PIN-always key's PIN and its operation. CKR_KEY_HANDLE_INVALID
    void require_current(const Key& key);

private:
    Card(std::unique_ptr<token::Token> token, token::TokenStatus status, CertificateCache& cache);

    std::shared_ptr<const Certificate> certificate(const token::SlotInfo& slot) override;
    PublicKeyParts public_key(const token::SlotInfo& slot) override;
    ByteVector data(const token::ObjectInfo& object) override;

    void take_status(token::TokenStatus status);
    void read_status();
    // In a transaction, before a PIN or a key is used: after a reset, which hides a swap of the cards from this
    // connection, the card must be the one that it was. Reads the status then, and only then.
    void confirm_token();
    void rebuild_objects();
    void note_lost_session();
    void end_authorisation() noexcept;
    [[nodiscard]] bool is_current(const Key& key) const;
    [[nodiscard]] bool was_replaced(const Key& key);
    void prove_management(ByteView pin);
    template <class Operation>
    void manage(Operation operation);
    template <class Operation>
    ByteVector private_operation(CK_SESSION_HANDLE session, const Key& key, Operation operation);

    std::unique_ptr<token::Token> token_;
    token::TokenStatus status_;
    std::chrono::steady_clock::time_point status_time_;
    CertificateCache& cache_;
    Handles objects_;
    std::map<std::string, CK_OBJECT_HANDLE> identities_;
    std::map<std::uint8_t, PublicKeyParts> keys_;
    bool logged_in_ = false;
    bool managed_ = false;
    bool confirmed_ = true;
    unsigned sessions_lost_ = 0;
    std::unique_ptr<token::Token::Transaction> hold_;
    std::chrono::steady_clock::time_point held_since_;
    CK_SESSION_HANDLE authorised_session_ = CK_INVALID_HANDLE;
};

}  // namespace sealkey::pkcs11
