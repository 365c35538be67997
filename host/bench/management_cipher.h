// Management keys on the host: AES (or 3DES, compatibility profile) by OpenSSL for host/token, which has no
// cryptography.
#pragma once

#include "base/secret.h"
#include "token/block_cipher.h"
#include "token/token.h"

namespace sealkey::bench {

class ManagementCipher final : public token::BlockCipher {
public:
    // Throws CaError bad_argument if the key's length isn't the algorithm's.
    ManagementCipher(protocol::Algorithm algorithm, Bytes key);
    [[nodiscard]] protocol::Algorithm algorithm() const override { return algorithm_; }
    void encrypt(Bytes block, MutableBytes out) override { run(block, out, 1); }
    void decrypt(Bytes block, MutableBytes out) override { run(block, out, 0); }
    void random(MutableBytes out) override;

private:
    void run(Bytes block, MutableBytes out, int encrypting);
    protocol::Algorithm algorithm_;
    Secret<32> key_;
};

// What plain PIV clients expect of a new token; the same 24 bytes for 3DES and AES-192.
[[nodiscard]] Bytes default_management_key();

// Whether this management key opens the token. A wrong one costs no try. Anything but a refusal (the token gone, an
// answer that can't be understood) is thrown on: it proves nothing.
[[nodiscard]] bool management_key_opens(token::Token& token, protocol::Algorithm algorithm, Bytes key);

}  // namespace sealkey::bench
