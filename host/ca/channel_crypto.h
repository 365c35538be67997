// OpenSSL for the host's side of the secure channel (token/scp03.h), and a token's channel keys.
#pragma once

#include "ca/unlock.h"
#include "token/scp03.h"

namespace sealkey::ca {

class ChannelCrypto final : public token::ChannelCrypto {
public:
    void aes_cbc(bool encrypt, Bytes key, Bytes iv, Bytes in, MutableBytes out) override;
    [[nodiscard]] std::array<std::uint8_t, 16> cmac(Bytes key, std::initializer_list<Bytes> parts) override;
    void random(MutableBytes out) override;
};

}  // namespace sealkey::ca
