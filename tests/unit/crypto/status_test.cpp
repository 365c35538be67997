#include "crypto/mbedtls_status.h"

#include <gtest/gtest.h>
#include <mbedtls/bignum.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/gcm.h>
#include <mbedtls/rsa.h>

namespace sealkey::crypto {
namespace {

TEST(MbedtlsStatus, OneTableOfErrors) {
    EXPECT_TRUE(status_of(0));
    EXPECT_EQ(error_of(MBEDTLS_ERR_GCM_AUTH_FAILED), Error::wrong_secret);
    EXPECT_EQ(error_of(MBEDTLS_ERR_RSA_BAD_INPUT_DATA), Error::invalid);
    EXPECT_EQ(error_of(MBEDTLS_ERR_ECP_INVALID_KEY), Error::invalid);
    // Sums of a high-level and a low-level code: the low one tells.
    EXPECT_EQ(error_of(MBEDTLS_ERR_RSA_PRIVATE_FAILED + MBEDTLS_ERR_MPI_BAD_INPUT_DATA), Error::invalid);
    EXPECT_EQ(error_of(MBEDTLS_ERR_RSA_PRIVATE_FAILED + MBEDTLS_ERR_MPI_ALLOC_FAILED), Error::crypto_failure);
    EXPECT_EQ(error_of(MBEDTLS_ERR_RSA_VERIFY_FAILED), Error::crypto_failure);
    EXPECT_EQ(error_of(MBEDTLS_ERR_MPI_ALLOC_FAILED), Error::crypto_failure);
    EXPECT_EQ(error_of(MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED), Error::crypto_failure);
    EXPECT_EQ(error_of(-0x7FFF), Error::crypto_failure);
}

}  // namespace
}  // namespace sealkey::crypto
