#include "crypto/kdf.h"

#include <mbedtls/hkdf.h>
#include <mbedtls/md.h>

#include <algorithm>

#include "crypto/arena.h"
#include "crypto/cmac.h"
#include "crypto/mbedtls_status.h"

namespace sealkey::crypto {

namespace {

constexpr std::size_t kMaxBlocks = 255;  // the counter is one byte

}  // namespace

Status kdf_counter_cmac(Bytes key, Bytes label, Bytes context, MutableBytes out) {
    if (out.empty() || out.size() > kMaxBlocks * kCmacSize) return Error::invalid;
    const std::uint8_t separator = 0x00;
    std::uint8_t length[4];
    store_be32(length, static_cast<std::uint32_t>(out.size() * 8));
    std::uint8_t counter = 0;
    for (MutableBytes rest = out; !rest.empty();) {
        ++counter;
        Secret<kCmacSize> block;
        const Status done = cmac(key, {Bytes(&counter, 1), label, Bytes(&separator, 1), context, length},
                                 block.buffer().first<kCmacSize>());
        if (!done) {
            wipe(out);
            return done;
        }
        const std::size_t piece = std::min(rest.size(), kCmacSize);
        std::memcpy(rest.data(), block.buffer().data(), piece);
        rest = rest.subspan(piece);
    }
    return {};
}

Status hkdf_sha256(Bytes salt, Bytes key_material, Bytes info, MutableBytes out) {
    init_arena();
    const int failed =
        mbedtls_hkdf(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), salt.data(), salt.size(), key_material.data(),
                     key_material.size(), info.data(), info.size(), out.data(), out.size());
    if (failed != 0) wipe(out);
    return status_of(failed);
}

}  // namespace sealkey::crypto
