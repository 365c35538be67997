#include "rsa_padding.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace sealkey::pkcs11 {

namespace {

// 1 if a == b, else 0, without a branch.
constexpr std::uint32_t is_equal(std::uint32_t a, std::uint32_t b) {
    const std::uint32_t difference = a ^ b;
    return 1U ^ ((difference | (0U - difference)) >> 31);
}

}  // namespace

void apply_mgf1(std::span<std::uint8_t> data, ByteView seed, Hash hash) {
    std::array<std::uint8_t, 4> counter{};
    std::size_t done = 0;
    for (std::uint32_t i = 0; done < data.size(); ++i) {
        store_be32(counter.data(), i);
        Hasher hasher(hash);
        hasher.update(seed);
        hasher.update(counter);
        ByteVector block = hasher.finish();
        for (std::size_t k = 0; k < block.size() && done < data.size(); ++k) data[done++] ^= block[k];
        wipe(block);
    }
}

ByteVector digest_info(Hash hash, ByteView value) {
    struct Row {
        Hash hash;
        std::array<std::uint8_t, 9> oid;  // content octets
        std::size_t oid_size;
    };
    static constexpr Row kRows[] = {
        {Hash::sha1, {0x2B, 0x0E, 0x03, 0x02, 0x1A}, 5},
        {Hash::sha224, {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04}, 9},
        {Hash::sha256, {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01}, 9},
        {Hash::sha384, {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02}, 9},
        {Hash::sha512, {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03}, 9},
    };
    const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.hash == hash; });
    require(row != std::end(kRows) && value.size() == hash_size(hash), CKR_GENERAL_ERROR);
    const auto algorithm = static_cast<std::uint8_t>(row->oid_size + 4);  // OID and NULL
    const auto length = static_cast<std::uint8_t>(value.size());
    ByteVector out = {0x30, static_cast<std::uint8_t>(algorithm + length + 4), 0x30, algorithm,
                      0x06, static_cast<std::uint8_t>(row->oid_size)};
    out.insert(out.end(), row->oid.begin(), row->oid.begin() + static_cast<std::ptrdiff_t>(row->oid_size));
    const std::array<std::uint8_t, 4> rest = {0x05, 0x00, 0x04, length};
    out.insert(out.end(), rest.begin(), rest.end());
    out.insert(out.end(), value.begin(), value.end());
    return out;
}

ByteVector pad_signature(ByteView data, std::size_t size) {
    require(data.size() + 11 <= size, CKR_DATA_LEN_RANGE);
    ByteVector block(size, 0xFF);
    block[0] = 0x00;
    block[1] = 0x01;
    block[size - data.size() - 1] = 0x00;
    std::copy(data.begin(), data.end(), block.end() - static_cast<std::ptrdiff_t>(data.size()));
    return block;
}

ByteVector pad_pss(ByteView hash_value, const PssParameters& parameters, std::size_t size) {
    const std::size_t length = hash_size(parameters.hash);
    require(hash_value.size() == length, CKR_DATA_LEN_RANGE);
    require(parameters.salt <= size && length + parameters.salt + 2 <= size, CKR_KEY_SIZE_RANGE);
    ByteVector salt(parameters.salt);
    random_bytes(salt);
    Hasher hasher(parameters.hash);
    hasher.update(std::array<std::uint8_t, 8>{});
    hasher.update(hash_value);
    hasher.update(salt);
    const ByteVector h = hasher.finish();

    // block = maskedDB || H || BC; DB = 0... 01 salt
    ByteVector block(size, 0);
    const std::size_t db_size = size - length - 1;
    block[db_size - salt.size() - 1] = 0x01;
    std::copy(salt.begin(), salt.end(), block.begin() + static_cast<std::ptrdiff_t>(db_size - salt.size()));
    std::copy(h.begin(), h.end(), block.begin() + static_cast<std::ptrdiff_t>(db_size));
    block.back() = 0xBC;
    apply_mgf1(std::span(block).first(db_size), h, parameters.mgf);
    block[0] &= 0x7F;  // the encoding has one bit less than the modulus
    return block;
}

ByteVector unpad_pkcs1(ByteView block) {
    // 00 02 || at least 8 non-zero || 00 || message. Every byte is looked at, whatever comes first.
    require(block.size() >= 11, CKR_ENCRYPTED_DATA_INVALID);
    std::uint32_t good = is_equal(block[0], 0) & is_equal(block[1], 2);
    std::uint32_t found = 0;
    std::uint32_t start = 0;
    for (std::uint32_t i = 2; i < block.size(); ++i) {
        const std::uint32_t here = is_equal(block[i], 0) & (found ^ 1U);
        start |= (0U - here) & (i + 1);
        found |= here;
    }
    good &= found & (start >= 11 ? 1U : 0U);
    require(good == 1, CKR_ENCRYPTED_DATA_INVALID);
    return {block.begin() + start, block.end()};
}

ByteVector unpad_oaep(ByteView block, const OaepParameters& parameters) {
    // 00 || maskedSeed || maskedDB; DB = lHash || 0... || 01 || message
    const std::size_t length = hash_size(parameters.hash);
    require(block.size() >= 2 * length + 2, CKR_ENCRYPTED_DATA_INVALID);
    ByteVector work(block.begin(), block.end());
    const auto seed = std::span(work).subspan(1, length);
    const auto db = std::span(work).subspan(1 + length);
    apply_mgf1(seed, db, parameters.mgf);
    apply_mgf1(db, seed, parameters.mgf);
    const ByteVector expected = digest(parameters.hash, parameters.label);
    std::uint32_t good = is_equal(work[0], 0) & (constant_time_equal(db.first(length), expected) ? 1U : 0U);
    std::uint32_t found = 0;
    std::uint32_t start = 0;
    for (std::uint32_t i = static_cast<std::uint32_t>(length); i < db.size(); ++i) {
        const std::uint32_t one = is_equal(db[i], 1) & (found ^ 1U);
        start |= (0U - one) & (i + 1);
        good &= found | one | is_equal(db[i], 0);
        found |= one;
    }
    good &= found;
    ByteVector message;
    if (good == 1) message.assign(db.begin() + start, db.end());
    wipe(work);
    require(good == 1, CKR_ENCRYPTED_DATA_INVALID);
    return message;
}

}  // namespace sealkey::pkcs11
