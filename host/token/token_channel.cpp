// The secure channel of a token behind a connection.
#include "token/token.h"

namespace sealkey::token {

using transport::Failure;
using transport::TransportError;

void Token::open_channel(ChannelCrypto& crypto, const ChannelKeys& keys) {
    const Transaction transaction(*this);
    channel_.reset();
    channel_wanted_ = true;
    auto session = std::make_unique<Scp03Session>(crypto, keys);
    open_session(*session, [this](const Command& command) { return run(command, Repeat::no); });
    channel_ = std::move(session);
}

void Token::close_channel() {
    channel_wanted_ = false;
    channel_.reset();
    select_later();  // that ends it on the token, too
}

// In a transaction, selected.
Answer Token::exchange_once(const Command& command) {
    if (!command.secure || !channel_wanted_) return exchange(*connection_, command);
    if (!channel_open()) throw TransportError(Failure::card_reset, "the secure channel was lost");
    const OwnedCommand wrapped = channel_->wrap(command);
    return channel_->unwrap(exchange(*connection_, wrapped.command()));
}

void Token::put_channel_keys(ChannelCrypto& crypto, const ChannelKeys& current, const ChannelKeys& next) {
    if (!channel_open()) throw TokenError(Kind::bad_argument, "the channel's keys are replaced through the channel");
    const OwnedCommand command = put_key_command(crypto, current.version, current.dek.bytes(), next);
    Command secure = command.command();
    secure.secure = true;
    check_put_key(crypto, next, run(secure, Repeat::no));
}

void Token::reset_applet() {
    run_ok("emptying the key", {.cla = 0, .ins = static_cast<std::uint8_t>(protocol::Ins::reset), .secure = true},
           Repeat::no);
}

}  // namespace sealkey::token
