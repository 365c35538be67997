// OpenSSL's objects with owners. For one that isn't here: Owned<X, X_free>.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace sealkey::owned {

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
using Request = Owned<X509_REQ, X509_REQ_free>;
using Crl = Owned<X509_CRL, X509_CRL_free>;
using Name = Owned<X509_NAME, X509_NAME_free>;
using Bio = Owned<BIO, BIO_free_all>;

}  // namespace sealkey::owned
