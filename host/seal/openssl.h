// OpenSSL's objects with owners.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sealkey::seal {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freed<Free>>;

using PKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using PKeyCtx = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using MdCtx = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Cert = Owned<X509, X509_free>;

using ByteVector = std::vector<std::uint8_t>;
using Time = std::chrono::sys_seconds;

// As OpenSSL takes a time. Not by system_clock, which counts nanoseconds: a year outside of 1678 to 2262, which a
// signature or an answer from outside may name, would become another there.
[[nodiscard]] constexpr std::time_t seconds_of(Time time) { return time.time_since_epoch().count(); }

}  // namespace sealkey::seal
