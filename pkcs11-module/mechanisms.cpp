#include "mechanisms.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes.h"

namespace sealkey::pkcs11 {

namespace {

constexpr std::size_t kLargestRsa = 512;

PssParameters parse_pss(const Mechanism& mechanism, const CK_MECHANISM& given) {
    const auto raw = read_parameters<CK_RSA_PKCS_PSS_PARAMS>(given);
    PssParameters pss{hash_of_mechanism(raw.hashAlg), hash_of_mgf(raw.mgf), raw.sLen};
    const bool known = pss.hash != Hash::none && pss.mgf != Hash::none && raw.sLen <= kLargestRsa;
    const bool agrees = mechanism.hash == Hash::none || mechanism.hash == pss.hash;
    require(known && agrees, CKR_MECHANISM_PARAM_INVALID);
    return pss;
}

OaepParameters parse_oaep(const CK_MECHANISM& given) {
    const auto raw = read_parameters<CK_RSA_PKCS_OAEP_PARAMS>(given);
    OaepParameters oaep{hash_of_mechanism(raw.hashAlg), hash_of_mgf(raw.mgf), {}};
    const bool known = oaep.hash != Hash::none && oaep.mgf != Hash::none;
    // Some callers leave the source 0 with no label.
    const bool labelled = raw.ulSourceDataLen != 0;
    const bool sound = labelled ? raw.source == CKZ_DATA_SPECIFIED && raw.pSourceData != nullptr
                                : raw.source == CKZ_DATA_SPECIFIED || raw.source == 0;
    require(known && sound && raw.ulSourceDataLen <= 4096, CKR_MECHANISM_PARAM_INVALID);
    if (labelled) {
        const auto* label = static_cast<const std::uint8_t*>(raw.pSourceData);
        oaep.label.assign(label, label + raw.ulSourceDataLen);
    }
    return oaep;
}

ByteVector left_padded(ByteView data, std::size_t size) {
    ByteVector out(size, 0);
    std::copy(data.begin(), data.end(), out.end() - static_cast<std::ptrdiff_t>(data.size()));
    return out;
}

}  // namespace

void read_parameters(const CK_MECHANISM& given, void* out, std::size_t size) {
    require(given.pParameter != nullptr && given.ulParameterLen == size, CKR_MECHANISM_PARAM_INVALID);
    std::memcpy(out, given.pParameter, size);
}

MechanismParameters parse_parameters(const Mechanism& mechanism, const CK_MECHANISM& given) {
    MechanismParameters parameters;
    if (mechanism.scheme == Scheme::rsa_pss) {
        parameters.pss = parse_pss(mechanism, given);
    } else if (mechanism.scheme == Scheme::rsa_oaep) {
        parameters.oaep = parse_oaep(given);
    } else {
        // Some callers pass a pointer with no length.
        require(given.ulParameterLen == 0, CKR_MECHANISM_PARAM_INVALID);
    }
    return parameters;
}

EcdhParameters parse_ecdh(const CK_MECHANISM& given, const KeyAlgorithm& key) {
    const auto raw = read_parameters<CK_ECDH1_DERIVE_PARAMS>(given);
    EcdhParameters parameters;
    parameters.kdf = hash_of_kdf(raw.kdf);
    const bool known = raw.kdf == CKD_NULL || parameters.kdf != Hash::none;
    const bool shared = raw.ulSharedDataLen == 0 || (raw.pSharedData != nullptr && raw.ulSharedDataLen <= 4096);
    require(known && shared, CKR_MECHANISM_PARAM_INVALID);
    require(raw.kdf != CKD_NULL || raw.ulSharedDataLen == 0, CKR_MECHANISM_PARAM_INVALID);
    require(raw.pPublicData != nullptr && raw.ulPublicDataLen <= 256, CKR_MECHANISM_PARAM_INVALID);
    const ByteView point = unwrap_point({static_cast<const std::uint8_t*>(raw.pPublicData), raw.ulPublicDataLen});
    require(point.size() == 2 * key.bytes() + 1 && point[0] == 0x04, CKR_MECHANISM_PARAM_INVALID);
    parameters.point.assign(point.begin(), point.end());
    if (raw.ulSharedDataLen > 0) {
        const auto* data = static_cast<const std::uint8_t*>(raw.pSharedData);
        parameters.shared_data.assign(data, data + raw.ulSharedDataLen);
    }
    return parameters;
}

ByteVector x963_kdf(Hash hash, ByteView secret, ByteView shared_data, std::size_t size) {
    ByteVector out;
    out.reserve(size + hash_size(hash));
    std::array<std::uint8_t, 4> counter{};
    for (std::uint32_t i = 1; out.size() < size; ++i) {
        store_be32(counter.data(), i);
        Hasher hasher(hash);
        hasher.update(secret);
        hasher.update(counter);
        hasher.update(shared_data);
        ByteVector block = hasher.finish();
        out.insert(out.end(), block.begin(), block.end());
        wipe(block);
    }
    wipe(std::span(out).subspan(size));
    out.resize(size);
    return out;
}

ByteVector signing_input(const Mechanism& mechanism, const MechanismParameters& parameters, const KeyAlgorithm& key,
                         ByteView data) {
    const std::size_t size = key.bytes();
    switch (mechanism.scheme) {
        case Scheme::rsa_pkcs1:
            if (mechanism.hash == Hash::none) return pad_signature(data, size);
            return pad_signature(digest_info(mechanism.hash, data), size);
        case Scheme::rsa_raw:
            require(data.size() <= size, CKR_DATA_LEN_RANGE);
            return left_padded(data, size);
        case Scheme::rsa_pss:
            return pad_pss(data, parameters.pss, size);
        case Scheme::ecdsa:
            require(!data.empty(), CKR_DATA_LEN_RANGE);
            // FIPS 186-4, 6.4: the leftmost bits of a longer hash.
            return left_padded(data.first(std::min(size, data.size())), size);
        default:
            refuse(CKR_MECHANISM_INVALID);
    }
}

ByteVector signature_of_answer(const Mechanism& mechanism, const KeyAlgorithm& key, ByteView answer) {
    if (mechanism.scheme == Scheme::ecdsa) return ecdsa_from_der(answer, key.bytes());
    require(answer.size() <= key.bytes(), CKR_DEVICE_ERROR);
    return left_padded(answer, key.bytes());
}

bool answers(const KeyAlgorithm& key, const PublicKeyParts& parts, ByteView input, ByteView signature) {
    try {
        if (key.is_rsa()) return equal(rsa_public(parts, signature), input);
        verify_ecdsa(key, parts, input, signature);
        return true;
    } catch (const Refusal&) {
        return false;
    }
}

void verify_signature(const Mechanism& mechanism, const MechanismParameters& parameters, const KeyAlgorithm& key,
                      const PublicKeyParts& parts, ByteView data, ByteView signature) {
    require(signature.size() == key.signature_size(), CKR_SIGNATURE_LEN_RANGE);
    if (mechanism.scheme == Scheme::ecdsa) {
        verify_ecdsa(key, parts, data, signature);
    } else if (mechanism.scheme == Scheme::rsa_pss) {
        verify_pss(parts, data, parameters.pss, signature);
    } else {
        const ByteVector expected = signing_input(mechanism, parameters, key, data);
        require(rsa_public(parts, signature) == expected, CKR_SIGNATURE_INVALID);
    }
}

ByteVector recovered(const Mechanism& mechanism, const PublicKeyParts& parts, ByteView signature) {
    ByteVector block = rsa_public(parts, signature);
    if (mechanism.scheme == Scheme::rsa_raw) return block;
    // 00 01 || at least 8 FF || 00 || data
    const auto end = std::find_if(block.begin() + 2, block.end(), [](std::uint8_t b) { return b != 0xFF; });
    const bool sound = block[0] == 0x00 && block[1] == 0x01 && end - block.begin() >= 10 && end != block.end();
    require(sound && *end == 0x00, CKR_SIGNATURE_INVALID);
    return {end + 1, block.end()};
}

namespace {

ByteVector encrypt_raw(const PublicKeyParts& parts, ByteView data, std::size_t size) {
    require(data.size() <= size, CKR_DATA_LEN_RANGE);
    const ByteVector block = left_padded(data, size);
    // No number that is the modulus or above has a ciphertext.
    require(std::lexicographical_compare(block.begin(), block.end(), parts.modulus.begin(), parts.modulus.end()),
            CKR_DATA_INVALID);
    return rsa_public(parts, block);
}

}  // namespace

ByteVector encrypt(const Mechanism& mechanism, const MechanismParameters& parameters, const KeyAlgorithm& key,
                   const PublicKeyParts& parts, ByteView data) {
    switch (mechanism.scheme) {
        case Scheme::rsa_pkcs1:
            return encrypt_pkcs1(parts, data);
        case Scheme::rsa_oaep:
            return encrypt_oaep(parts, data, parameters.oaep);
        case Scheme::rsa_raw:
            return encrypt_raw(parts, data, key.bytes());
        default:
            refuse(CKR_MECHANISM_INVALID);
    }
}

ByteVector decrypted(const Mechanism& mechanism, const MechanismParameters& parameters, ByteView block) {
    switch (mechanism.scheme) {
        case Scheme::rsa_pkcs1:
            return unpad_pkcs1(block);
        case Scheme::rsa_oaep:
            return unpad_oaep(block, parameters.oaep);
        case Scheme::rsa_raw:
            return {block.begin(), block.end()};
        default:
            refuse(CKR_MECHANISM_INVALID);
    }
}

std::size_t longest_plaintext(const Mechanism& mechanism, const MechanismParameters& parameters,
                              const KeyAlgorithm& key) {
    const std::size_t size = key.bytes();
    if (mechanism.scheme == Scheme::rsa_pkcs1) return size - 11;
    if (mechanism.scheme == Scheme::rsa_oaep) return size - 2 * hash_size(parameters.oaep.hash) - 2;
    return size;
}

}  // namespace sealkey::pkcs11
