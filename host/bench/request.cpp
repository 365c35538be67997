#include "bench/request.h"

#include <algorithm>

#include "ca/error.h"

namespace sealkey::bench {

namespace {

// DigestInfo of SHA-256 before the hash (RFC 8017 9.2, note 1).
constexpr std::uint8_t kSha256Info[] = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

bool is_rsa(const token::PublicKey& key) { return !key.modulus.empty(); }

}  // namespace

ca::ByteVector padded_for_rsa(Bytes hash, std::size_t size) {
    ca::ByteVector block(size, 0xFF);
    const std::size_t tail = sizeof kSha256Info + hash.size();
    if (size < tail + 11) throw ca::CaError(ca::Fault::crypto, ca::mark("The key is too short to sign with SHA-256."));
    block[0] = 0;
    block[1] = 1;
    block[size - tail - 1] = 0;
    auto at =
        std::copy(std::begin(kSha256Info), std::end(kSha256Info), block.end() - static_cast<std::ptrdiff_t>(tail));
    std::copy(hash.begin(), hash.end(), at);
    return block;
}

ca::ByteVector make_request(token::Token& token, std::uint8_t slot, const token::PublicKey& key) {
    const ca::PKey public_key = ca::public_key_of(key);
    ca::RequestBuilder request(public_key.get(), is_rsa(key) ? NID_sha256WithRSAEncryption : NID_ecdsa_with_SHA256);
    ca::ByteVector input = ca::sha256(request.info());
    if (is_rsa(key)) input = padded_for_rsa(input, key.modulus.size());
    return request.finish(token.sign(slot, key.algorithm, input));
}

}  // namespace sealkey::bench
