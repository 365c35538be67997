#include "crypto/mbedtls_status.h"

#include <mbedtls/aes.h>
#include <mbedtls/asn1.h>
#include <mbedtls/bignum.h>
#include <mbedtls/cipher.h>
#include <mbedtls/des.h>
#include <mbedtls/ecp.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/rsa.h>

namespace sealkey::crypto {

namespace {

constexpr int kInvalid[] = {
    MBEDTLS_ERR_AES_BAD_INPUT_DATA,
    MBEDTLS_ERR_AES_INVALID_INPUT_LENGTH,
    MBEDTLS_ERR_AES_INVALID_KEY_LENGTH,
    MBEDTLS_ERR_CIPHER_BAD_INPUT_DATA,
    MBEDTLS_ERR_DES_INVALID_INPUT_LENGTH,
    MBEDTLS_ERR_ECP_BAD_INPUT_DATA,
    MBEDTLS_ERR_ECP_BUFFER_TOO_SMALL,
    MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE,
    MBEDTLS_ERR_ECP_INVALID_KEY,
    MBEDTLS_ERR_ECP_VERIFY_FAILED,
    MBEDTLS_ERR_GCM_BAD_INPUT,
    MBEDTLS_ERR_MD_BAD_INPUT_DATA,
    MBEDTLS_ERR_MPI_BAD_INPUT_DATA,
    MBEDTLS_ERR_MPI_NOT_ACCEPTABLE,
    MBEDTLS_ERR_RSA_BAD_INPUT_DATA,
    MBEDTLS_ERR_RSA_KEY_CHECK_FAILED,
    MBEDTLS_ERR_ASN1_OUT_OF_DATA,
    MBEDTLS_ERR_ASN1_UNEXPECTED_TAG,
    MBEDTLS_ERR_ASN1_INVALID_LENGTH,
    MBEDTLS_ERR_ASN1_LENGTH_MISMATCH,
    MBEDTLS_ERR_ASN1_INVALID_DATA,
};

// mbedTLS adds a low-level code (7 bits) to a high-level one; either may be the telling one.
constexpr int kLowLevel = 0x7F;

bool is_invalid(int code) {
    for (int known : kInvalid) {
        if (code == known) return true;
    }
    return false;
}

}  // namespace

Error error_of(int mbedtls_code) {
    if (mbedtls_code == MBEDTLS_ERR_GCM_AUTH_FAILED || mbedtls_code == MBEDTLS_ERR_CIPHER_AUTH_FAILED) {
        return Error::wrong_secret;
    }
    const int low = -(-mbedtls_code & kLowLevel);
    const int high = mbedtls_code - low;
    if (is_invalid(mbedtls_code) || is_invalid(low) || (low == 0 && is_invalid(high))) return Error::invalid;
    return Error::crypto_failure;
}

Status status_of(int mbedtls_code) {
    if (mbedtls_code == 0) return {};
    return error_of(mbedtls_code);
}

}  // namespace sealkey::crypto
