#include "seal/revocation.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "seal/sm2.h"

namespace sealkey::seal {

namespace {

using Bio = Owned<BIO, BIO_free_all>;
using Reason = Owned<ASN1_ENUMERATED, ASN1_ENUMERATED_free>;
using Moment = Owned<ASN1_GENERALIZEDTIME, ASN1_GENERALIZEDTIME_free>;

constexpr int kAbsent = -1;  // what X509_REVOKED_get_ext_d2i says of an extension that isn't there
constexpr std::chrono::minutes kClockSkew{10};

std::optional<Time> read(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    return Time(std::chrono::seconds(timegm(&parts)));
}

bool is_compromise(long reason) {
    return reason == CRL_REASON_KEY_COMPROMISE || reason == CRL_REASON_CA_COMPROMISE ||
           reason == CRL_REASON_AA_COMPROMISE;
}

// Known here are the reason and the invalidity date, which nobody marks so; a critical one may change what the entry
// says.
bool has_critical(const STACK_OF(X509_EXTENSION) * extensions) {
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); ++i) {
        if (X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(extensions, i)) != 0) return true;
    }
    return false;
}

std::string name_of(const X509_NAME* name) {
    const Bio text(BIO_new(BIO_s_mem()));
    if (!text || X509_NAME_print_ex(text.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) < 0) return "?";
    char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

[[noreturn]] void bad_list(const char* text, std::vector<std::string> arguments) {
    throw SealError(Fault::bad_revocation_list, text, std::move(arguments));
}

// The certificate that issued the maker's: by name, and by the signature itself.
X509* issuer_of(X509* maker, const std::vector<Cert>& authorities) {
    for (const Cert& authority : authorities) {
        give_default_identity(maker);
        const bool is = X509_cmp(authority.get(), maker) != 0 &&
                        X509_check_issued(authority.get(), maker) == X509_V_OK &&
                        X509_verify(maker, X509_get0_pubkey(authority.get())) == 1;
        ERR_clear_error();
        if (is) return authority.get();
    }
    throw SealError(Fault::maker_untrusted, mark("The seal's maker isn't one of the given authorities' (%1)."),
                    {X509_verify_cert_error_string(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY)});
}

bool sm2_signed(X509_CRL* list, EVP_PKEY* key) {
    if (X509_CRL_get_signature_nid(list) != NID_SM2_with_SM3) return false;
    unsigned char* raw = nullptr;
    const int size = i2d_X509_CRL(list, &raw);
    if (size <= 0) return false;
    const ByteVector der(raw, raw + size);
    OPENSSL_free(raw);
    // CertificateList ::= SEQUENCE { tbsCertList SEQUENCE, ... }: the first element within is what is signed.
    const unsigned char* at = der.data();
    const unsigned char* const end = at + der.size();
    long length = 0;
    int tag = 0;
    int kind = 0;
    if ((ASN1_get_object(&at, &length, &tag, &kind, end - at) & 0x80) != 0) return false;
    const unsigned char* const begin = at;
    if ((ASN1_get_object(&at, &length, &tag, &kind, end - at) & 0x80) != 0) return false;
    const ASN1_BIT_STRING* signature = nullptr;
    X509_CRL_get0_signature(list, &signature, nullptr);
    return sm2_verify(key, Bytes(begin, at + length),
                      Bytes(ASN1_STRING_get0_data(signature), static_cast<std::size_t>(ASN1_STRING_length(signature))));
}

bool signed_by(X509_CRL* list, X509* issuer) {
    EVP_PKEY* key = X509_get0_pubkey(issuer);
    const bool right = is_sm2(key) ? sm2_signed(list, key) : X509_CRL_verify(list, key) == 1;
    ERR_clear_error();
    return right;
}

// A list of some certificates or of changes alone can't say that a certificate isn't revoked.
void require_whole(const X509_CRL* list, const std::string& issuer) {
    if (X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0 ||
        X509_CRL_get_ext_by_NID(list, NID_issuing_distribution_point, -1) >= 0 ||
        has_critical(X509_CRL_get0_extensions(list)))
        bad_list(mark("The revocation list of %1 isn't a whole one: it has extensions that limit what it says."),
                 {issuer});
}

void require_current(const X509_CRL* list, const std::string& issuer, Time today) {
    const auto made = read(X509_CRL_get0_lastUpdate(list));
    const auto next = read(X509_CRL_get0_nextUpdate(list));
    if (!made || !next) bad_list(mark("The revocation list of %1 doesn't say until when it holds."), {issuer});
    if (*made > today + kClockSkew)
        bad_list(mark("The revocation list of %1 is of %2, which is yet to come."), {issuer, iso_time(*made)});
    if (*next < today)
        bad_list(mark("The revocation list of %1 is out of date since %2: get the new one."),
                 {issuer, iso_time(*next)});
}

// The lists that count: of the issuer's name, signed by it, whole, of today. Of several, one that is all that is enough
// (an authority's former list may stand beside its new one); of none, what is wrong with the last is said.
std::vector<X509_CRL*> lists_of(X509* issuer, const std::vector<Crl>& lists, Time today) {
    const std::string name = name_of(X509_get_subject_name(issuer));
    if ((X509_get_key_usage(issuer) & KU_CRL_SIGN) == 0)
        bad_list(mark("%1 isn't allowed to sign revocation lists (key usage)."), {name});
    std::vector<X509_CRL*> out;
    std::optional<SealError> wrong;
    for (const Crl& list : lists) {
        if (X509_NAME_cmp(X509_CRL_get_issuer(list.get()), X509_get_subject_name(issuer)) != 0) continue;
        try {
            if (!signed_by(list.get(), issuer))
                bad_list(mark("The revocation list that bears the name of %1 isn't signed by its key."), {name});
            require_whole(list.get(), name);
            require_current(list.get(), name, today);
            out.push_back(list.get());
        } catch (const SealError& error) {
            wrong = error;
        }
    }
    if (!out.empty()) return out;
    if (wrong) throw SealError(*wrong);
    bad_list(mark("None of the revocation lists is by %1, who issued the seal maker's certificate."), {name});
}

}  // namespace

std::vector<Crl> revocation_lists_in(Bytes file) {
    std::vector<Crl> out;
    if (file.empty() || file.size() > 16 * 1024 * 1024) return out;
    const Bio text(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
    ERR_clear_error();
    while (X509_CRL* list = text ? PEM_read_bio_X509_CRL(text.get(), nullptr, nullptr, nullptr) : nullptr)
        out.emplace_back(list);
    // Where the text ends, OpenSSL misses the next beginning; anything else is a list that can't be read.
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) out.clear();
    ERR_clear_error();
    if (!out.empty()) return out;
    const unsigned char* p = file.data();
    Crl list(d2i_X509_CRL(nullptr, &p, static_cast<long>(file.size())));
    ERR_clear_error();
    if (list && p == file.data() + file.size()) out.push_back(std::move(list));
    return out;
}

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
    if (!revoked || unreadable || has_critical(X509_REVOKED_get0_extensions(entry))) return false;
    if (!invalid && reason && is_compromise(ASN1_ENUMERATED_get(reason.get()))) return false;
    return stamped < (invalid ? std::min(*invalid, *revoked) : *revoked);
}

void require_maker_in_use(const X509* maker, const std::vector<Cert>& authorities, const std::vector<Crl>& lists,
                          Time today, const std::optional<Time>& stamped) {
    const Cert own(X509_dup(const_cast<X509*>(maker)));
    X509* issuer = issuer_of(own.get(), authorities);
    for (X509_CRL* list : lists_of(issuer, lists, today)) {
        X509_REVOKED* entry = nullptr;
        if (X509_CRL_get0_by_cert(list, &entry, own.get()) == 0) continue;
        if (stamped && leaves_good(entry, *stamped)) continue;
        const auto since = read(X509_REVOKED_get0_revocationDate(entry));
        throw SealError(Fault::maker_revoked, mark("The seal maker's certificate (%1) is revoked since %2."),
                        {name_of(X509_get_subject_name(own.get())), since ? iso_time(*since) : "?"});
    }
}

void require_maker_in_use(const Seal& seal, const std::vector<Cert>& authorities, const std::vector<Crl>& lists,
                          Time today, const std::optional<Time>& stamped) {
    require_maker_in_use(certificate_of_der(seal.maker_certificate).get(), authorities, lists, today, stamped);
}

}  // namespace sealkey::seal
