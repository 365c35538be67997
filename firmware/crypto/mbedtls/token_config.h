// mbedTLS for the token: what PIV, the store's sealing and the secure channel need, with memory from a static arena.
#pragma once

// Memory: the buffer allocator over an arena that crypto/arena.h provides; no call to the system's allocator.
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_MEMORY_BUFFER_ALLOC_C
#define MBEDTLS_MEMORY_DEBUG             // gives the peak that a test prints
#define MBEDTLS_MEMORY_ALIGN_MULTIPLE 8  // the default of 4 misaligns a 64-bit block header
// Until the arena is there an allocation fails; the system's calloc isn't even linked.
#define MBEDTLS_PLATFORM_STD_CALLOC sealkey_no_calloc
#define MBEDTLS_PLATFORM_STD_FREE sealkey_no_free
static inline void* sealkey_no_calloc(__SIZE_TYPE__ count, __SIZE_TYPE__ size) {
    (void)count;
    (void)size;
    return 0;
}
static inline void sealkey_no_free(void* block) { (void)block; }

#define MBEDTLS_HAVE_ASM
#define MBEDTLS_NO_UDBL_DIVISION

// Numbers and public-key algorithms.
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_MPI_MAX_SIZE 512   // RSA-4096
#define MBEDTLS_MPI_WINDOW_SIZE 4  // RSA-4096 peaks at 15 KiB of the arena; 5 costs 4 KiB more for no measurable gain
#define MBEDTLS_GENPRIME
#define MBEDTLS_RSA_C
#define MBEDTLS_PKCS1_V15
#define MBEDTLS_OID_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECP_WINDOW_SIZE 4
#define MBEDTLS_ECP_FIXED_POINT_OPTIM 1
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C

// Symmetric algorithms, hashes, random numbers.
#define MBEDTLS_AES_C
#define MBEDTLS_AES_ROM_TABLES  // flash, not RAM
#define MBEDTLS_CIPHER_C
#define MBEDTLS_CIPHER_MODE_CBC
#define MBEDTLS_CMAC_C
#define MBEDTLS_GCM_C
#define MBEDTLS_DES_C  // the compatibility profile's management key alone
#define MBEDTLS_MD_C
#define MBEDTLS_SHA1_C
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_HKDF_C
#define MBEDTLS_CTR_DRBG_C
