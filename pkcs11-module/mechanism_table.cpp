// The one table of mechanisms. C_GetMechanismList and C_GetMechanismInfo, what each function takes, the keys'
// CKA_ALLOWED_MECHANISMS and the table of the documentation are all made from it.
#include "mechanisms.h"

namespace sealkey::pkcs11 {

namespace {

// CKF_HW: the token does the private key's part; the rest, and what has no private key, is done here.
constexpr CK_FLAGS kSign = CKF_HW | CKF_SIGN | CKF_VERIFY;
constexpr CK_FLAGS kCipher = CKF_ENCRYPT | CKF_DECRYPT;
constexpr CK_FLAGS kWrap = CKF_WRAP | CKF_UNWRAP;
constexpr CK_FLAGS kRecover = CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER;
constexpr CK_FLAGS kMac = CKF_SIGN | CKF_VERIFY;
constexpr CK_FLAGS kCurve = CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS;
constexpr CK_FLAGS kDerive = CKF_HW | CKF_DERIVE | kCurve;
constexpr CK_FLAGS kPair = CKF_HW | CKF_GENERATE_KEY_PAIR;

#define SEALKEY_MECHANISM(name) CKM_##name, #name
#define SEALKEY_RSA(name, scheme, hash, flags) \
    { SEALKEY_MECHANISM(name), Scheme::scheme, Family::rsa, Hash::hash, flags, 2048, 4096 }
#define SEALKEY_EC(name, scheme, hash, flags) \
    { SEALKEY_MECHANISM(name), Scheme::scheme, Family::ec, Hash::hash, flags, 256, 384 }
#define SEALKEY_AES(name, scheme, flags) \
    { SEALKEY_MECHANISM(name), Scheme::scheme, Family::aes, Hash::none, flags, 16, 32 }
#define SEALKEY_SECRET(name, scheme, hash, flags) \
    { SEALKEY_MECHANISM(name), Scheme::scheme, Family::secret, Hash::hash, flags, 8, 32768 }
#define SEALKEY_DIGEST(name, hash) \
    { SEALKEY_MECHANISM(name), Scheme::digest, Family::none, Hash::hash, CKF_DIGEST, 0, 0 }

constexpr Mechanism kTable[] = {
    SEALKEY_RSA(RSA_PKCS_KEY_PAIR_GEN, generate_pair, none, kPair),
    SEALKEY_RSA(RSA_PKCS, rsa_pkcs1, none, kSign | kCipher | kWrap | kRecover),
    SEALKEY_RSA(RSA_X_509, rsa_raw, none, kSign | kCipher | kRecover),
    SEALKEY_RSA(RSA_PKCS_OAEP, rsa_oaep, none, CKF_HW | kCipher | kWrap),
    SEALKEY_RSA(RSA_PKCS_PSS, rsa_pss, none, kSign),
    SEALKEY_RSA(SHA1_RSA_PKCS, rsa_pkcs1, sha1, kSign),
    SEALKEY_RSA(SHA224_RSA_PKCS, rsa_pkcs1, sha224, kSign),
    SEALKEY_RSA(SHA256_RSA_PKCS, rsa_pkcs1, sha256, kSign),
    SEALKEY_RSA(SHA384_RSA_PKCS, rsa_pkcs1, sha384, kSign),
    SEALKEY_RSA(SHA512_RSA_PKCS, rsa_pkcs1, sha512, kSign),
    SEALKEY_RSA(SHA1_RSA_PKCS_PSS, rsa_pss, sha1, kSign),
    SEALKEY_RSA(SHA224_RSA_PKCS_PSS, rsa_pss, sha224, kSign),
    SEALKEY_RSA(SHA256_RSA_PKCS_PSS, rsa_pss, sha256, kSign),
    SEALKEY_RSA(SHA384_RSA_PKCS_PSS, rsa_pss, sha384, kSign),
    SEALKEY_RSA(SHA512_RSA_PKCS_PSS, rsa_pss, sha512, kSign),
    SEALKEY_EC(EC_KEY_PAIR_GEN, generate_pair, none, kPair | kCurve),
    SEALKEY_EC(ECDSA, ecdsa, none, kSign | kCurve),
    SEALKEY_EC(ECDSA_SHA1, ecdsa, sha1, kSign | kCurve),
    SEALKEY_EC(ECDSA_SHA224, ecdsa, sha224, kSign | kCurve),
    SEALKEY_EC(ECDSA_SHA256, ecdsa, sha256, kSign | kCurve),
    SEALKEY_EC(ECDSA_SHA384, ecdsa, sha384, kSign | kCurve),
    SEALKEY_EC(ECDSA_SHA512, ecdsa, sha512, kSign | kCurve),
    SEALKEY_EC(ECDH1_DERIVE, ecdh, none, kDerive),
    SEALKEY_EC(ECDH1_COFACTOR_DERIVE, ecdh, none, kDerive),  // the same on these curves: their cofactor is 1
    SEALKEY_DIGEST(SHA_1, sha1),
    SEALKEY_DIGEST(SHA224, sha224),
    SEALKEY_DIGEST(SHA256, sha256),
    SEALKEY_DIGEST(SHA384, sha384),
    SEALKEY_DIGEST(SHA512, sha512),
    SEALKEY_AES(AES_KEY_GEN, generate_secret, CKF_GENERATE),
    SEALKEY_AES(AES_ECB, aes_ecb, kCipher),
    SEALKEY_AES(AES_CBC, aes_cbc, kCipher),
    SEALKEY_AES(AES_CBC_PAD, aes_cbc_pad, kCipher | kWrap),
    SEALKEY_AES(AES_CTR, aes_ctr, kCipher),
    SEALKEY_AES(AES_GCM, aes_gcm, kCipher | kWrap),
    SEALKEY_AES(AES_KEY_WRAP, aes_wrap, kCipher | kWrap),
    SEALKEY_AES(AES_KEY_WRAP_PAD, aes_wrap_pad, kCipher | kWrap),
    SEALKEY_AES(AES_CMAC, cmac, kMac),
    SEALKEY_SECRET(GENERIC_SECRET_KEY_GEN, generate_secret, none, CKF_GENERATE),
    SEALKEY_SECRET(SHA_1_HMAC, hmac, sha1, kMac),
    SEALKEY_SECRET(SHA224_HMAC, hmac, sha224, kMac),
    SEALKEY_SECRET(SHA256_HMAC, hmac, sha256, kMac),
    SEALKEY_SECRET(SHA384_HMAC, hmac, sha384, kMac),
    SEALKEY_SECRET(SHA512_HMAC, hmac, sha512, kMac),
};

}  // namespace

std::span<const Mechanism> mechanisms() { return kTable; }

const Mechanism& find_mechanism(CK_MECHANISM_TYPE type, CK_FLAGS use) {
    for (const Mechanism& row : kTable) {
        if (row.type == type && row.allows(use)) return row;
    }
    refuse(CKR_MECHANISM_INVALID);
}

bool Mechanism::fits(CK_KEY_TYPE key) const {
    switch (family) {
        case Family::rsa:
            return key == CKK_RSA;
        case Family::ec:
            return key == CKK_EC;
        case Family::aes:
            return key == CKK_AES;
        case Family::secret:
            return key == CKK_GENERIC_SECRET || key == CKK_AES;
        case Family::none:
            break;
    }
    return false;
}

}  // namespace sealkey::pkcs11
