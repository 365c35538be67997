#include "sign/revocation.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <optional>

namespace sealkey::sign {

namespace {

using seal::Time;
using Reason = seal::Owned<ASN1_ENUMERATED, ASN1_ENUMERATED_free>;
using Moment = seal::Owned<ASN1_GENERALIZEDTIME, ASN1_GENERALIZEDTIME_free>;

constexpr int kAbsent = -1;  // what X509_REVOKED_get_ext_d2i says of an extension that isn't there

std::optional<Time> read(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return Time(std::chrono::seconds(timegm(&parts)));
}

bool is_compromise(long reason) {
    return reason == CRL_REASON_KEY_COMPROMISE || reason == CRL_REASON_CA_COMPROMISE ||
           reason == CRL_REASON_AA_COMPROMISE;
}

int pass_over(int right, X509_STORE_CTX* context) {
    if (right == 1 || X509_STORE_CTX_get_error(context) != X509_V_ERR_CERT_REVOKED) return right;
    const auto* stamped = static_cast<const Time*>(X509_STORE_CTX_get_app_data(context));
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

bool leaves_good(const X509_REVOKED* entry, Time stamped) {
    int has_reason = kAbsent;
    int has_date = kAbsent;
    const Reason reason(
        static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, &has_reason, nullptr)));
    const Moment invalidity(
        static_cast<ASN1_GENERALIZEDTIME*>(X509_REVOKED_get_ext_d2i(entry, NID_invalidity_date, &has_date, nullptr)));
    const std::optional<Time> revoked = read(X509_REVOKED_get0_revocationDate(entry));
    const std::optional<Time> invalid = read(invalidity.get());
    ERR_clear_error();
    const bool unreadable = (!reason && has_reason != kAbsent) || (!invalid && has_date != kAbsent);
    if (!revoked || unreadable) return false;
    if (!invalid && reason && is_compromise(ASN1_ENUMERATED_get(reason.get()))) return false;
    return stamped < (invalid ? std::min(*invalid, *revoked) : *revoked);
}

void excuse_later_revocation(X509_STORE_CTX* context, const Time& stamped) {
    X509_STORE_CTX_set_app_data(context, const_cast<Time*>(&stamped));
    X509_STORE_CTX_set_verify_cb(context, pass_over);
}

}  // namespace sealkey::sign
