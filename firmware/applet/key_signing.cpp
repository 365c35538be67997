#include "applet/key_signing.h"

#include "applet/access.h"
#include "applet/key_store.h"
#include "applet/keys.h"
#include "crypto/ec.h"
#include "crypto/signature.h"

namespace sealkey::applet {

Result<std::size_t> sign_digest(Core& core, Algorithm algorithm, crypto::Hash hash, Bytes digest, MutableBytes out) {
    if (rsa_bits(algorithm) == 0) {
        crypto::EcPrivateKey key;
        const Status loaded = key.load(core.key_buffer.bytes());
        core.key_buffer.clear();
        if (!loaded) return Error::corrupt;
        return key.sign(core.drbg, digest, out);
    }
    crypto::RsaPrivateKey key;
    const Status loaded = key.load(core.key_buffer.bytes());
    core.key_buffer.clear();
    if (!loaded) return Error::corrupt;
    const MutableBytes block = out.first(key.modulus_size());
    if (Status s = crypto::pkcs1_encode(hash, digest, block); !s) return s.error();
    if (Status s = key.private_operation(core.drbg, block, block); !s) return s.error();
    return block.size();
}

StatusWord sign_with(Core& core, const Slot& slot, crypto::Hash hash, Bytes digest, MutableBytes out,
                     std::size_t& size) {
    if (!touch_given(core, slot.touch_policy)) return sw::security_not_satisfied;
    const bool by_system = channel_stands_for_pin(core) && !core.session.pin_verified;
    if (const Status loaded = load_private_key(core, slot, by_system); !loaded) return status_word(loaded);
    const auto done = sign_digest(core, slot.algorithm, hash, digest, out);
    if (!done) return status_word(done.error());
    size = *done;
    return sw::ok;
}

}  // namespace sealkey::applet
