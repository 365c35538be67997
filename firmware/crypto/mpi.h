// A big number of mbedTLS that frees (and so wipes) itself; private to this room's .cpp files.
#pragma once

#include <mbedtls/bignum.h>

namespace sealkey::crypto {

class Number {
public:
    Number() { mbedtls_mpi_init(&number_); }
    ~Number() { mbedtls_mpi_free(&number_); }
    Number(const Number&) = delete;
    Number& operator=(const Number&) = delete;
    mbedtls_mpi* get() { return &number_; }

private:
    mbedtls_mpi number_;
};

}  // namespace sealkey::crypto
