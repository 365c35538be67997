// mbedTLS on the board: the token's configuration, with the choices that this core's instruction counts and the image's
// size made (docs/board.md).
#pragma once

#include "../../crypto/mbedtls/token_config.h"

// There is nobody to print for, and the C library's own exit would bring its streams.
#define MBEDTLS_PLATFORM_FPRINTF_MACRO sealkey_no_print
#define sealkey_no_print(...) 0
#define MBEDTLS_PLATFORM_EXIT_MACRO sealkey_exit
static inline void sealkey_exit(int status) {
    (void)status;
    __builtin_trap();  // a hard fault: the watchdog restarts the chip
}

#undef MBEDTLS_SHA1_C  // nothing on the token hashes with it: hosts bring digests
#define MBEDTLS_AES_FEWER_TABLES
#define MBEDTLS_SHA256_SMALLER
#define MBEDTLS_SHA512_SMALLER
