// What the security officer does with a token of the compatibility profile. The shipping profile's keys, certificates
// and PINs are the CA's, through the secure channel: nothing here reaches them.
#include "card.h"
#include "management_key.h"
#include "protocol/limits.h"

namespace sealkey::pkcs11 {

using token::Kind;
using token::TokenError;
using transport::Failure;
using transport::TransportError;

void Card::require_managed() const {
    require(status_.profile == protocol::Profile::compatibility, CKR_TOKEN_WRITE_PROTECTED);
    require(managed_, CKR_USER_NOT_LOGGED_IN);
}

void Card::prove_management(ByteView pin) {
    const token::Token::Transaction together(*token_);
    confirm_token();
    const auto algorithm = token_->metadata(protocol::ref::management).algorithm;
    note_lost_session();
    const ManagementKey key = parse_management_key(pin, algorithm);
    ManagementCipher cipher(algorithm, key);
    try {
        token_->authenticate_management(cipher);
    } catch (const TokenError& error) {
        note_lost_session();
        const bool wrong = error.kind() == Kind::not_verified || error.kind() == Kind::bad_data ||
                           error.kind() == Kind::lying_token || error.kind() == Kind::wrong_code ||
                           error.kind() == Kind::wrong_pin;
        managed_ = false;  // the token has forgotten an earlier proof
        require(!wrong, CKR_PIN_INCORRECT);
        throw;
    }
    note_lost_session();
}

void Card::manage_login(ByteView pin) {
    require(status_.profile == protocol::Profile::compatibility, CKR_USER_TYPE_INVALID);
    prove_management(pin);
    managed_ = true;
}

// What the key proved stays proven on the token, for any program, until a proof of it fails: here is one. The key has
// no tries that it could cost.
void Card::manage_logout() {
    managed_ = false;
    static constexpr std::uint8_t kNoProof[] = {protocol::tag::dynamic_authentication, 3, protocol::tag::response, 1,
                                                0};
    static_cast<void>(token_->send({.cla = 0,
                                    .ins = static_cast<std::uint8_t>(protocol::Ins::general_authenticate),
                                    .p1 = 0,
                                    .p2 = protocol::ref::management,
                                    .data = kNoProof}));
    note_lost_session();
}

template <class Operation>
void Card::manage(Operation operation) {
    require_managed();
    try {
        const token::Token::Transaction transaction(*token_);
        note_lost_session();
        // The proof went with the card's session: the officer is told once.
        require(managed_, CKR_USER_NOT_LOGGED_IN);
        operation();
    } catch (const TokenError& error) {
        note_lost_session();
        if (error.kind() == Kind::not_verified) {
            managed_ = false;
            refuse(CKR_USER_NOT_LOGGED_IN);
        }
        throw;
    } catch (const TransportError& error) {
        note_lost_session();
        if (error.failure() == Failure::card_reset) refuse(CKR_USER_NOT_LOGGED_IN);
        throw;
    }
    read_status();
}

void Card::change_management_key(ByteView old_pin, ByteView new_pin) {
    require_managed();
    const auto algorithm = token_->metadata(protocol::ref::management).algorithm;
    ManagementKey next;
    try {
        next = parse_management_key(new_pin, algorithm);
    } catch (const Refusal&) {
        refuse(CKR_PIN_LEN_RANGE);
    }
    prove_management(old_pin);
    manage([&] { token_->set_management_key(algorithm, next.bytes()); });
}

void Card::set_user_pin(ByteView pin) {
    require_managed();
    require(pin.size() >= protocol::kMinPin && pin.size() <= protocol::kPinSize, CKR_PIN_LEN_RANGE);
    // A token that is in use keeps its PIN: there the PUK opens it.
    require(status_.lifecycle == protocol::Lifecycle::initialised, CKR_TOKEN_WRITE_PROTECTED);
    try {
        manage([&] { token_->set_bench_pin(pin); });
    } catch (const TokenError& error) {
        if (error.kind() == Kind::bad_data) refuse(CKR_PIN_INVALID);
        if (error.kind() == Kind::not_allowed) refuse(CKR_TOKEN_WRITE_PROTECTED);  // in use since we looked
        throw;
    }
    // It ends every login.
    managed_ = false;
}

void Card::write_certificate(std::uint8_t slot, ByteView der) {
    manage([&] { token_->write_certificate(slot, der); });
}

void Card::remove_certificate(std::uint8_t slot) {
    manage([&] { token_->write_object(token::certificate_tag(slot), {}); });
}

void Card::remove_key(std::uint8_t slot) {
    constexpr std::uint8_t kNowhere = 0xFF;
    manage([&] {
        const auto move = static_cast<std::uint8_t>(protocol::Ins::move_key);
        const auto answer = token_->send({.cla = 0, .ins = move, .p1 = kNowhere, .p2 = slot, .data = {}});
        if (!answer.ok()) token::throw_status("deleting a key", answer.status_word);
    });
}

void Card::generate(std::uint8_t slot, const KeyAlgorithm& algorithm) {
    manage([&] { static_cast<void>(token_->generate(slot, algorithm.algorithm)); });
}

void Card::import_rsa(std::uint8_t slot, const KeyAlgorithm& algorithm, const token::RsaPrivateKey& key) {
    manage([&] { token_->import_rsa(slot, algorithm.algorithm, key); });
}

void Card::import_ec(std::uint8_t slot, const KeyAlgorithm& algorithm, ByteView scalar) {
    manage([&] { token_->import_ec(slot, algorithm.algorithm, scalar); });
}

}  // namespace sealkey::pkcs11
