// The security officer's PIN as PKCS#11 has it: the management key of the compatibility profile.
#pragma once

#include "base/secret.h"
#include "cryptoki.h"
#include "token/block_cipher.h"

namespace sealkey::pkcs11 {

using ManagementKey = Secret<32>;

// As its bytes, or in twice as many hexadecimal digits. CKR_PIN_INCORRECT: no key of this algorithm is written so.
[[nodiscard]] ManagementKey parse_management_key(ByteView pin, protocol::Algorithm algorithm);

class ManagementCipher final : public token::BlockCipher {
public:
    ManagementCipher(protocol::Algorithm algorithm, const ManagementKey& key) : algorithm_(algorithm), key_(key) {}
    [[nodiscard]] protocol::Algorithm algorithm() const override { return algorithm_; }
    void encrypt(Bytes block, MutableBytes out) override { run(true, block, out); }
    void decrypt(Bytes block, MutableBytes out) override { run(false, block, out); }
    void random(MutableBytes out) override;

private:
    void run(bool encrypt, Bytes block, MutableBytes out) const;

    protocol::Algorithm algorithm_;
    const ManagementKey& key_;
};

}  // namespace sealkey::pkcs11
