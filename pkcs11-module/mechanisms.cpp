#include "mechanisms.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace sealkey::pkcs11 {

namespace {

constexpr CK_FLAGS kSign = CKF_HW | CKF_SIGN | CKF_VERIFY;
constexpr CK_FLAGS kSignAndDecrypt = kSign | CKF_ENCRYPT | CKF_DECRYPT;
constexpr CK_FLAGS kDecrypt = CKF_HW | CKF_ENCRYPT | CKF_DECRYPT;
constexpr CK_FLAGS kCurve = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
constexpr CK_ULONG kRsaMin = 2048;
constexpr CK_ULONG kRsaMax = 4096;
constexpr CK_ULONG kEcMin = 256;
constexpr CK_ULONG kEcMax = 384;

constexpr Mechanism kTable[] = {
    {CKM_RSA_PKCS, Scheme::rsa_pkcs1, Hash::none, kSignAndDecrypt, kRsaMin, kRsaMax},
    {CKM_RSA_X_509, Scheme::rsa_raw, Hash::none, kSignAndDecrypt, kRsaMin, kRsaMax},
    {CKM_RSA_PKCS_OAEP, Scheme::rsa_oaep, Hash::none, kDecrypt, kRsaMin, kRsaMax},
    {CKM_RSA_PKCS_PSS, Scheme::rsa_pss, Hash::none, kSign, kRsaMin, kRsaMax},
    {CKM_SHA1_RSA_PKCS, Scheme::rsa_pkcs1, Hash::sha1, kSign, kRsaMin, kRsaMax},
    {CKM_SHA224_RSA_PKCS, Scheme::rsa_pkcs1, Hash::sha224, kSign, kRsaMin, kRsaMax},
    {CKM_SHA256_RSA_PKCS, Scheme::rsa_pkcs1, Hash::sha256, kSign, kRsaMin, kRsaMax},
    {CKM_SHA384_RSA_PKCS, Scheme::rsa_pkcs1, Hash::sha384, kSign, kRsaMin, kRsaMax},
    {CKM_SHA512_RSA_PKCS, Scheme::rsa_pkcs1, Hash::sha512, kSign, kRsaMin, kRsaMax},
    {CKM_SHA1_RSA_PKCS_PSS, Scheme::rsa_pss, Hash::sha1, kSign, kRsaMin, kRsaMax},
    {CKM_SHA224_RSA_PKCS_PSS, Scheme::rsa_pss, Hash::sha224, kSign, kRsaMin, kRsaMax},
    {CKM_SHA256_RSA_PKCS_PSS, Scheme::rsa_pss, Hash::sha256, kSign, kRsaMin, kRsaMax},
    {CKM_SHA384_RSA_PKCS_PSS, Scheme::rsa_pss, Hash::sha384, kSign, kRsaMin, kRsaMax},
    {CKM_SHA512_RSA_PKCS_PSS, Scheme::rsa_pss, Hash::sha512, kSign, kRsaMin, kRsaMax},
    {CKM_ECDSA, Scheme::ecdsa, Hash::none, kSign | kCurve, kEcMin, kEcMax},
    {CKM_ECDSA_SHA1, Scheme::ecdsa, Hash::sha1, kSign | kCurve, kEcMin, kEcMax},
    {CKM_ECDSA_SHA224, Scheme::ecdsa, Hash::sha224, kSign | kCurve, kEcMin, kEcMax},
    {CKM_ECDSA_SHA256, Scheme::ecdsa, Hash::sha256, kSign | kCurve, kEcMin, kEcMax},
    {CKM_ECDSA_SHA384, Scheme::ecdsa, Hash::sha384, kSign | kCurve, kEcMin, kEcMax},
    {CKM_ECDSA_SHA512, Scheme::ecdsa, Hash::sha512, kSign | kCurve, kEcMin, kEcMax},
    {CKM_ECDH1_DERIVE, Scheme::ecdh, Hash::none, CKF_HW | CKF_DERIVE | kCurve, kEcMin, kEcMax},
    {CKM_SHA_1, Scheme::digest, Hash::sha1, CKF_DIGEST, 0, 0},
    {CKM_SHA224, Scheme::digest, Hash::sha224, CKF_DIGEST, 0, 0},
    {CKM_SHA256, Scheme::digest, Hash::sha256, CKF_DIGEST, 0, 0},
    {CKM_SHA384, Scheme::digest, Hash::sha384, CKF_DIGEST, 0, 0},
    {CKM_SHA512, Scheme::digest, Hash::sha512, CKF_DIGEST, 0, 0},
};

// CK_..._PARAMS by value: the caller's pointer may not be aligned.
template <class T>
T read_parameters(const CK_MECHANISM& given) {
    require(given.pParameter != nullptr && given.ulParameterLen == sizeof(T), CKR_MECHANISM_PARAM_INVALID);
    T parameters;
    std::memcpy(&parameters, given.pParameter, sizeof(T));
    return parameters;
}

PssParameters parse_pss(const Mechanism& mechanism, const CK_MECHANISM& given) {
    const auto raw = read_parameters<CK_RSA_PKCS_PSS_PARAMS>(given);
    PssParameters pss{hash_of_mechanism(raw.hashAlg), hash_of_mgf(raw.mgf), raw.sLen};
    const bool known = pss.hash != Hash::none && pss.mgf != Hash::none && raw.sLen <= kRsaMax / 8;
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

std::span<const Mechanism> mechanisms() { return kTable; }

const Mechanism& find_mechanism(CK_MECHANISM_TYPE type, CK_FLAGS use) {
    for (const Mechanism& row : kTable) {
        if (row.type == type && row.allows(use)) return row;
    }
    refuse(CKR_MECHANISM_INVALID);
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

ByteVector parse_ecdh(const CK_MECHANISM& given, const KeyAlgorithm& key) {
    const auto raw = read_parameters<CK_ECDH1_DERIVE_PARAMS>(given);
    require(raw.kdf == CKD_NULL && raw.ulSharedDataLen == 0, CKR_MECHANISM_PARAM_INVALID);
    require(raw.pPublicData != nullptr && raw.ulPublicDataLen <= 256, CKR_MECHANISM_PARAM_INVALID);
    const ByteView point = unwrap_point({static_cast<const std::uint8_t*>(raw.pPublicData), raw.ulPublicDataLen});
    require(point.size() == 2 * key.bytes() + 1 && point[0] == 0x04, CKR_MECHANISM_PARAM_INVALID);
    return {point.begin(), point.end()};
}

void require_key_type(const Mechanism& mechanism, const KeyAlgorithm& key) {
    require(mechanism.for_rsa() == key.is_rsa(), CKR_KEY_TYPE_INCONSISTENT);
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

ByteVector encrypt(const Mechanism& mechanism, const MechanismParameters& parameters, const KeyAlgorithm& key,
                   const PublicKeyParts& parts, ByteView data) {
    switch (mechanism.scheme) {
        case Scheme::rsa_pkcs1:
            return encrypt_pkcs1(parts, data);
        case Scheme::rsa_oaep:
            return encrypt_oaep(parts, data, parameters.oaep);
        case Scheme::rsa_raw:
            require(data.size() <= key.bytes(), CKR_DATA_LEN_RANGE);
            return rsa_public(parts, left_padded(data, key.bytes()));
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
