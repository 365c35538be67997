#include "sign/revocation.h"

namespace sealkey::sign {

namespace {

int pass_over(int right, X509_STORE_CTX* context) {
    if (right == 1 || X509_STORE_CTX_get_error(context) != X509_V_ERR_CERT_REVOKED) return right;
    const auto* stamped = static_cast<const seal::Time*>(X509_STORE_CTX_get_app_data(context));
    X509_CRL* list = X509_STORE_CTX_get0_current_crl(context);
    X509* certificate = X509_STORE_CTX_get_current_cert(context);
    X509_REVOKED* entry = nullptr;
    if (stamped == nullptr || list == nullptr || certificate == nullptr ||
        X509_CRL_get0_by_cert(list, &entry, certificate) != 1 || !leaves_good(entry, *stamped))
        return 0;
    X509_STORE_CTX_set_error(context, X509_V_OK);
    return 1;
}

}  // namespace

void excuse_later_revocation(X509_STORE_CTX* context, const seal::Time& stamped) {
    X509_STORE_CTX_set_app_data(context, const_cast<seal::Time*>(&stamped));
    X509_STORE_CTX_set_verify_cb(context, pass_over);
}

}  // namespace sealkey::sign
