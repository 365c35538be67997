// The firmware's own cryptography for the host's side of the secure channel: the simulator brings no second library.
#pragma once

#include <functional>
#include <stdexcept>

#include "crypto/aes.h"
#include "crypto/cmac.h"
#include "token/scp03.h"

namespace sealkey::sim {

class ChannelCrypto final : public token::ChannelCrypto {
public:
    using Random = std::function<void(MutableBytes)>;
    explicit ChannelCrypto(Random random) : random_(std::move(random)) {}

    void aes_cbc(bool encrypt, Bytes key, Bytes iv, Bytes in, MutableBytes out) override {
        const auto vector = iv.first<crypto::kAesBlock>();
        const Status done =
            encrypt ? crypto::aes_cbc_encrypt(key, vector, in, out) : crypto::aes_cbc_decrypt(key, vector, in, out);
        if (!done) throw std::runtime_error("AES failed");
    }
    std::array<std::uint8_t, 16> cmac(Bytes key, std::initializer_list<Bytes> parts) override {
        const auto mac = crypto::cmac(key, parts);
        if (!mac) throw std::runtime_error("CMAC failed");
        return *mac;
    }
    void random(MutableBytes out) override { random_(out); }

private:
    Random random_;
};

}  // namespace sealkey::sim
