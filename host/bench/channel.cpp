#include "bench/channel.h"

#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

// Anything else than a refusal proves nothing.
bool is_refusal(const token::TokenError& error) {
    switch (error.kind()) {
        case token::Kind::lying_token:   // it has other keys
        case token::Kind::not_found:     // no set of this version
        case token::Kind::not_verified:  // our cryptogram is wrong
        case token::Kind::not_allowed:
            return true;
        default:
            return false;
    }
}

struct Closing {
    token::Token& token;
    ~Closing() { token.close_channel(); }
};

}  // namespace

std::optional<token::CardIdentity> opened_by(token::Token& token, const token::ChannelKeys& keys) {
    ca::ChannelCrypto crypto;
    const Closing closing{token};
    try {
        token.open_channel(crypto, keys);
        return token.channel_identity();
    } catch (const token::TokenError& error) {
        if (!is_refusal(error)) throw;
        return std::nullopt;
    }
}

bool transport_replaced(token::Token& token, const token::ChannelKeys& any) {
    ca::ChannelCrypto crypto;
    const Closing closing{token};
    try {
        token.open_channel(crypto, any);
        return false;
    } catch (const token::TokenError& error) {
        if (!is_refusal(error)) throw;
        return error.kind() == token::Kind::not_found;  // no set of this version
    }
}

bool channel_opens(token::Token& token, const token::ChannelKeys& keys) { return opened_by(token, keys).has_value(); }

bool transport_opens(token::Token& token, const token::ChannelKeys& transport) {
    if (channel_opens(token, transport)) return true;
    token::ChannelKeys any = transport.copy();
    any.version = 0;
    return channel_opens(token, any);
}

void take_over(token::Token& token, ca::ChannelCrypto& crypto, const token::ChannelKeys& transport,
               const token::ChannelKeys& own) {
    bool factory = true;
    try {
        token.open_channel(crypto, transport);
    } catch (const token::TokenError& error) {
        if (error.kind() != token::Kind::not_found) throw;
        factory = false;  // replaced before an interruption
    }
    if (factory) token.put_channel_keys(crypto, transport, own);
    if (transport_opens(token, transport))
        throw CaError(Fault::quality, mark("The transport keys still open the key."));
    token.open_channel(crypto, own);
}

}  // namespace sealkey::bench
