// mbedTLS on the board: the token's configuration, with the choices that this core's instruction counts and the image's
// size made (docs/board.md).
#pragma once

#include "crypto/mbedtls/token_config.h"

// There is nobody to print for, and the C library's own exit would bring its streams.
#define MBEDTLS_PLATFORM_FPRINTF_MACRO sealkey_no_print
#define sealkey_no_print(...) 0
#define MBEDTLS_PLATFORM_EXIT_MACRO sealkey_exit
static inline void sealkey_exit(int status) {
    (void)status;
    __builtin_trap();  // a hard fault: the watchdog restarts the chip
}

// Nothing on the token hashes with these: hosts bring digests.
#undef MBEDTLS_SHA1_C
#undef MBEDTLS_SHA224_C
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_SHA256_SMALLER
#define MBEDTLS_SHA512_SMALLER

// 4 KiB more of the arena for RSA-4096, and 3 in 100 instructions less for RSA-2048.
#undef MBEDTLS_MPI_WINDOW_SIZE
#define MBEDTLS_MPI_WINDOW_SIZE 5

// multiply.cpp and multiply.S have these for this core; the library's own give way (the linker takes a strong name).
#if !defined(__cplusplus) && !defined(__ASSEMBLER__)
#include <stddef.h>
#include <stdint.h>
uint32_t mbedtls_mpi_core_mla(uint32_t* d, size_t d_limbs, const uint32_t* s, size_t s_limbs, uint32_t b)
    __attribute__((weak));
void mbedtls_mpi_core_mul(uint32_t* x, const uint32_t* a, size_t a_limbs, const uint32_t* b, size_t b_limbs)
    __attribute__((weak));
void mbedtls_mpi_core_montmul(uint32_t* x, const uint32_t* a, const uint32_t* b, size_t b_limbs, const uint32_t* n,
                              size_t limbs, uint32_t mm, uint32_t* t) __attribute__((weak));
#endif
