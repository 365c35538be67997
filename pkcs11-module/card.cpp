#include "card.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "log.h"
#include "mechanisms.h"
#include "protocol/atr.h"
#include "protocol/limits.h"
#include "token/certificate_object.h"

namespace sealkey::pkcs11 {

namespace {

using token::Kind;
using token::TokenError;
using transport::Failure;
using transport::TransportError;

constexpr std::chrono::seconds kFresh{2};
// From a PIN for one operation to that operation.
constexpr std::chrono::seconds kLongestHold{60};

// Unique in the process: a handle of a token that has gone is never another's.
CK_OBJECT_HANDLE next_handle() {
    static std::atomic<CK_OBJECT_HANDLE> last{0};
    return ++last;
}

// The log's view of the card: what was asked and answered, never the data.
class LoggedConnection final : public transport::Connection {
public:
    explicit LoggedConnection(std::unique_ptr<transport::Connection> inner) : inner_(std::move(inner)) {}
    transport::ByteVector transmit(transport::ByteView command) override {
        auto answer = inner_->transmit(command);
        if (log::enabled() && command.size() >= 4 && answer.size() >= 2) {
            log::line("  APDU %02X %02X %02X %02X, %zu bytes -> %zu bytes, %02X%02X", command[0], command[1],
                      command[2], command[3], command.size(), answer.size() - 2, answer[answer.size() - 2],
                      answer[answer.size() - 1]);
        }
        return answer;
    }
    void begin_transaction() override { inner_->begin_transaction(); }
    void end_transaction() noexcept override { inner_->end_transaction(); }
    transport::ByteVector atr() const override { return inner_->atr(); }
    bool extended_length() const override { return inner_->extended_length(); }

private:
    std::unique_ptr<transport::Connection> inner_;
};

bool same_objects(const token::TokenStatus& a, const token::TokenStatus& b) {
    if (a.change_counter != b.change_counter || a.slots.size() != b.slots.size()) return false;
    if (a.objects.size() != b.objects.size()) return false;
    for (std::size_t i = 0; i < a.slots.size(); ++i) {
        if (a.slots[i].slot != b.slots[i].slot || a.slots[i].fingerprint != b.slots[i].fingerprint) return false;
    }
    return true;
}

}  // namespace

std::unique_ptr<Card> Card::open(std::unique_ptr<transport::Connection> connection, CertificateCache& cache) {
    auto token = std::make_unique<token::Token>(std::make_unique<LoggedConnection>(std::move(connection)));
    std::optional<token::TokenStatus> status;
    try {
        status = token->token_status();
    } catch (const TokenError& error) {
        const bool ours = std::ranges::equal(token->connection().atr(), protocol::kAtr);
        const bool nonsense = error.kind() == Kind::token_failure || error.kind() == Kind::malformed_answer;
        if (ours || nonsense) throw;
        log::line("  %s", error.what());
        return nullptr;
    }
    return std::unique_ptr<Card>(new Card(std::move(token), std::move(*status), cache));
}

Card::Card(std::unique_ptr<token::Token> token, token::TokenStatus status, CertificateCache& cache)
    : token_(std::move(token)), cache_(cache), sessions_lost_(token_->sessions_lost()) {
    status_ = std::move(status);
    status_time_ = std::chrono::steady_clock::now();
    rebuild_objects();
}

void Card::take_status(token::TokenStatus status) {
    // The slot is given up: what this one was told, a login and a PIN above all, is none of the other one's business.
    if (status.serial != status_.serial) throw TransportError(Failure::no_card, "another token is in its place");
    confirmed_ = true;
    const bool changed = !same_objects(status, status_);
    status_ = std::move(status);
    status_time_ = std::chrono::steady_clock::now();
    if (!changed) return;
    keys_.clear();
    rebuild_objects();
}

void Card::read_status() {
    auto status = token_->token_status();
    note_lost_session();
    take_status(std::move(status));
}

void Card::confirm_token() {
    note_lost_session();
    if (!confirmed_) read_status();
}

void Card::refresh_if_stale() {
    // Logged in or not: the status costs one APDU and leaves the PIN state as it is, and what another program writes
    // must show (a certificate renewed under a browser that stays logged in for days).
    if (hold_ || std::chrono::steady_clock::now() - status_time_ < kFresh) return;
    read_status();
}

void Card::rebuild_objects() {
    Handles fresh;
    std::map<std::string, CK_OBJECT_HANDLE> identities;
    for (NamedObject& one : objects_of(status_, *this)) {
        const auto known = identities_.find(one.identity);
        const CK_OBJECT_HANDLE handle = known != identities_.end() ? known->second : next_handle();
        identities[one.identity] = handle;
        fresh[handle] = std::move(one.object);
    }
    objects_ = std::move(fresh);
    identities_ = std::move(identities);
}

// --- reading ---

std::shared_ptr<const Certificate> Card::certificate(const token::SlotInfo& slot) {
    try {
        if (auto known = cache_.find(slot.fingerprint)) return known;
        const auto value = token_->read_object(token::certificate_tag(slot.slot));
        note_lost_session();
        return cache_.store(slot.fingerprint, value);
    } catch (const TokenError& error) {
        log::line("  certificate of %02X: %s", slot.slot, error.what());
        // Vanished or damaged it is one object less. Whatever else the token said may be otherwise the next time.
        if (error.kind() != Kind::not_found && error.kind() != Kind::malformed_answer) throw;
        return nullptr;
    }
}

PublicKeyParts Card::public_key(const token::SlotInfo& slot) {
    const auto known = keys_.find(slot.slot);
    if (known != keys_.end()) return known->second;
    const KeyAlgorithm* algorithm = key_algorithm(slot.algorithm);
    PublicKeyParts parts;
    std::shared_ptr<const Certificate> read;
    try {
        if (slot.has_certificate()) read = certificate(slot);
    } catch (const TokenError&) {
        // The token tells the key without its certificate, too.
    }
    if (read && is_of_key(*read, slot)) {
        parts = read->key;
    } else {
        // No certificate, or another key's: the token knows best.
        const auto metadata = token_->metadata(slot.slot);
        note_lost_session();
        parts = {metadata.public_key.modulus, metadata.public_key.exponent, metadata.public_key.point, {}};
        parts.info = public_key_info(parts, algorithm->ec_params);
    }
    keys_[slot.slot] = parts;
    return parts;
}

ByteVector Card::data(const token::ObjectInfo& object) {
    constexpr std::uint32_t kOneRead = 4096;
    auto value = object.length > kOneRead ? token_->read_in_parts(object.tag, object.length, {})
                                          : token_->read_object(object.tag);
    note_lost_session();
    return value;
}

PublicKeyParts Card::public_parts(const Key& key) {
    if (key.host) return key.host->parts;
    require(is_current(key), CKR_KEY_HANDLE_INVALID);
    return public_key(*status_.slot(key.slot));
}

std::optional<PublicKeyParts> Card::known_parts(const Key& key) {
    const auto* slot = status_.slot(key.slot);
    if (slot == nullptr || !is_current(key)) return std::nullopt;
    const auto known = keys_.find(key.slot);
    if (known != keys_.end()) return known->second;
    const auto read = slot->has_certificate() ? cache_.find(slot->fingerprint) : nullptr;
    if (read == nullptr || !is_of_key(*read, *slot)) return std::nullopt;
    return keys_[key.slot] = read->key;
}

// --- login ---

void Card::note_lost_session() {
    if (token_->sessions_lost() == sessions_lost_) return;
    sessions_lost_ = token_->sessions_lost();
    confirmed_ = false;
    // Another program reset the card: its PIN state is gone. The application is told once and may log in again.
    logged_in_ = false;
    managed_ = false;
    end_authorisation();
}

void Card::login(ByteView pin) {
    const token::Token::Transaction together(*token_);
    confirm_token();
    try {
        token_->verify(pin);
    } catch (const TokenError& error) {
        note_lost_session();
        if (error.kind() == Kind::bad_argument) refuse(CKR_PIN_INCORRECT);  // no PIN has this length; nothing was sent
        if (error.tries_left()) {
            status_.pin.tries_left = *error.tries_left();
            status_.pin.blocked = *error.tries_left() == 0;
        }
        // A wrong PIN also ends what was verified before.
        logged_in_ = false;
        if (error.kind() == Kind::locked && status_.pin.never_set) refuse(CKR_USER_PIN_NOT_INITIALIZED);
        if (error.kind() == Kind::locked || status_.pin.blocked) refuse(CKR_PIN_LOCKED);
        throw;
    }
    note_lost_session();
    status_.pin.tries_left = status_.pin.tries_max;
    status_.pin.blocked = false;
    logged_in_ = true;
}

void Card::logout() {
    // What a PIN allowed for one operation ends on the card with the login, before other programs get at it.
    const auto held = std::exchange(hold_, nullptr);
    end_authorisation();
    logged_in_ = false;
    token_->logout();
    note_lost_session();
}

void Card::forget_login() {
    try {
        if (managed_) manage_logout();
    } catch (const std::exception& error) {
        log::line("  ending the officer's login: %s", error.what());
    }
    drop_authorisation(authorised_session_);
    logged_in_ = false;
}

void Card::change_pin(ByteView old_pin, ByteView new_pin) {
    const auto fits = [](ByteView pin) { return pin.size() >= protocol::kMinPin && pin.size() <= protocol::kPinSize; };
    require(fits(new_pin), CKR_PIN_LEN_RANGE);
    require(fits(old_pin), CKR_PIN_INCORRECT);
    const token::Token::Transaction together(*token_);
    confirm_token();
    try {
        token_->change_pin(old_pin, new_pin);
    } catch (const TokenError& error) {
        read_status();
        logged_in_ = logged_in_ && status_.pin.verified;
        if (error.kind() == Kind::bad_data) refuse(CKR_PIN_INVALID);  // the new one breaks the token's rule
        if (error.kind() == Kind::locked || status_.pin.blocked) refuse(CKR_PIN_LOCKED);
        throw;
    }
    read_status();
    logged_in_ = logged_in_ && status_.pin.verified;
}

void Card::authorise(CK_SESSION_HANDLE session, ByteView pin) {
    drop_authorisation(authorised_session_);
    auto held = std::make_unique<token::Token::Transaction>(*token_);
    // A reset that is met only now was before this PIN: noted after it, it would take away what the PIN allows.
    note_lost_session();
    hold_ = std::move(held);
    authorised_session_ = session;
    try {
        login(pin);
    } catch (const TransportError&) {
        // The answer may be all that was lost.
        drop_authorisation(session);
        throw;
    } catch (...) {
        end_authorisation();
        throw;
    }
    held_since_ = std::chrono::steady_clock::now();
}

void Card::drop_authorisation(CK_SESSION_HANDLE session) noexcept {
    if (authorised_session_ != session) return;
    try {
        // Any command of class 80 closes on the card what VERIFY opened. What it answers doesn't matter.
        if (hold_) static_cast<void>(token_->token_status());
    } catch (const std::exception& error) {
        log::line("  ending an unused login for one operation: %s", error.what());
    }
    end_authorisation();
}

void Card::drop_late_authorisation() noexcept {
    if (!hold_ || std::chrono::steady_clock::now() - held_since_ <= kLongestHold) return;
    log::line("  session %lu: its login for one operation is over %lld s old and ends unused", authorised_session_,
              static_cast<long long>(kLongestHold.count()));
    drop_authorisation(authorised_session_);
}

void Card::end_authorisation() noexcept {
    hold_.reset();
    authorised_session_ = CK_INVALID_HANDLE;
}

// --- private keys ---

void Card::require_login(const Key& key) const { require(key.pin_never || logged_in_, CKR_USER_NOT_LOGGED_IN); }

bool Card::is_current(const Key& key) const {
    const auto* slot = status_.slot(key.slot);
    return slot != nullptr && slot->has_key() && slot->algorithm == key.algorithm->algorithm &&
           slot->key_check == key.check;
}

bool Card::was_replaced(const Key& key) {
    try {
        read_status();
    } catch (const TokenError& error) {
        log::line("  %s", error.what());
        return false;
    }
    return !is_current(key);
}

void Card::require_current(const Key& key) {
    // Not between a PIN and the one operation that it is for.
    if (!hold_) read_status();
    require(is_current(key), CKR_KEY_HANDLE_INVALID);
}

void Card::refuse_signature(const Key& key) {
    const bool replaced = was_replaced(key);
    log::line("  slot %02X: the signature isn't that of the handle's key%s", key.slot,
              replaced ? ", which was replaced" : "");
    refuse(replaced ? CKR_KEY_HANDLE_INVALID : CKR_DEVICE_ERROR);
}

template <class Operation>
ByteVector Card::private_operation(CK_SESSION_HANDLE session, const Key& key, Operation operation) {
    require_login(key);
    if (key.pin_always) require(hold_ && authorised_session_ == session, CKR_USER_NOT_LOGGED_IN);
    // The authorisation is for this one operation, whatever comes of it.
    struct Release {
        Card& card;
        CK_SESSION_HANDLE session;
        bool active;
        ~Release() {
            if (active) card.drop_authorisation(session);
        }
    } release{*this, session, key.pin_always};
    try {
        const token::Token::Transaction together(*token_);
        confirm_token();
        require_login(key);  // another program's reset has ended it
        require(is_current(key), CKR_KEY_HANDLE_INVALID);
        ByteVector answer = operation();
        if (key.pin_always) end_authorisation();  // used up on the card, too
        note_lost_session();
        return answer;
    } catch (const TokenError& error) {
        note_lost_session();
        if (error.kind() == Kind::not_verified) {
            // The card was reset, or another program logged out.
            if (!key.pin_always) logged_in_ = false;
            refuse(CKR_USER_NOT_LOGGED_IN);
        }
        // A key of another kind, or none, refuses what its predecessor took.
        const bool telling = error.kind() == Kind::bad_data || error.kind() == Kind::not_found;
        if (telling && was_replaced(key)) refuse(CKR_KEY_HANDLE_INVALID);
        throw;
    } catch (const TransportError& error) {
        note_lost_session();
        if (error.failure() == Failure::card_reset) refuse(CKR_USER_NOT_LOGGED_IN);
        throw;
    }
}

ByteVector Card::sign(CK_SESSION_HANDLE session, const Key& key, ByteView input) {
    require(is_current(key), CKR_KEY_HANDLE_INVALID);
    return private_operation(session, key, [&] { return token_->sign(key.slot, key.algorithm->algorithm, input); });
}

ByteVector Card::decrypt(CK_SESSION_HANDLE session, const Key& key, ByteView block) {
    return private_operation(session, key, [&] {
        require_current(key);
        return token_->decrypt(key.slot, key.algorithm->algorithm, block);
    });
}

ByteVector Card::derive(CK_SESSION_HANDLE session, const Key& key, ByteView point) {
    return private_operation(session, key, [&] {
        require_current(key);
        return token_->derive(key.slot, key.algorithm->algorithm, point);
    });
}

}  // namespace sealkey::pkcs11
