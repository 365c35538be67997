// Certificate requests, certificates and revocation lists.
#include "ca/certificate.h"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <set>

#include "ca/crl.h"
#include "unit/ca/refusal.h"

namespace sealkey::ca {
namespace {

using namespace std::chrono_literals;
const Subject kSubject{"示例进出口有限公司", "914403001922038216", "SHILI"};

PKey rsa(std::size_t bits) { return PKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits)); }
PKey ec(const char* curve) { return PKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve)); }

ByteVector request_of(EVP_PKEY* key, EVP_PKEY* signer, const EVP_MD* digest = EVP_sha256()) {
    const Request request(X509_REQ_new());
    X509_NAME* name = X509_REQ_get_subject_name(request.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("Evil Corp"), -1, -1,
                               0);
    X509_REQ_set_pubkey(request.get(), key);
    EXPECT_GT(X509_REQ_sign(request.get(), signer, digest), 0);
    unsigned char* der = nullptr;
    const int size = i2d_X509_REQ(request.get(), &der);
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

class Certificates : public ::testing::Test {
protected:
    PKey ca_key = ec("P-256");
    Cert ca = make_authority_certificate({AuthorityKind::root, "CA", "Root", kNow - 1h, kNow + 24h * 3650},
                                         ca_key.get(), nullptr, ca_key.get());
    Issuer issuer{ca.get(), ca_key.get(), "http://crl.example.cn/a.crl", "1.2.156.10260.4.1.4",
                  "http://ocsp.example.cn/"};
    Cert issue(Role role, EVP_PKEY* key) {
        return issue_certificate(issuer, role, kSubject, key, kNow, kNow + 24h * 1095);
    }
};

TEST(Request, GoodOnesGiveTheirKeyAndNothingElse) {
    const PKey keys[] = {rsa(2048), ec("P-256"), ec("P-384")};
    for (const PKey& key : keys) {
        EXPECT_EQ(spki_of(check_request(request_of(key.get(), key.get())).get()), spki_of(key.get()));
    }
}

TEST(Request, BadSignatureIsRefused) {
    const PKey key = ec("P-256");
    const PKey other = ec("P-256");
    EXPECT_EQ(fault_of([&] { (void)check_request(request_of(key.get(), other.get())); }), Fault::bad_request);
    ByteVector changed = request_of(key.get(), key.get());
    changed.back() ^= 1;
    EXPECT_EQ(fault_of([&] { (void)check_request(changed); }), Fault::bad_request);
    EXPECT_EQ(fault_of([&] { (void)check_request(request_of(key.get(), key.get(), EVP_sha1())); }), Fault::bad_request);
}

TEST(Request, EveryTruncationAndGarbageIsRefused) {
    const PKey key = ec("P-256");
    const ByteVector good = request_of(key.get(), key.get());
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_EQ(fault_of([&] { (void)check_request(Bytes(good).first(size)); }), Fault::bad_request);
    }
    ByteVector longer = good;
    longer.push_back(0);
    EXPECT_EQ(fault_of([&] { (void)check_request(longer); }), Fault::bad_request);
    for (std::size_t i = 0; i < good.size(); ++i) {
        ByteVector flipped = good;
        flipped[i] ^= 0x01;
        EXPECT_EQ(fault_of([&] { (void)check_request(flipped); }), Fault::bad_request) << i;
    }
}

TEST(Request, WeakKeysAreRefused) {
    const PKey weak[] = {rsa(1024), rsa(2056), ec("P-224"), ec("secp256k1"),
                         PKey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))};
    for (const PKey& key : weak) {
        ASSERT_TRUE(key);
        const auto* digest = EVP_PKEY_is_a(key.get(), "ED25519") ? nullptr : EVP_sha256();
        EXPECT_EQ(fault_of([&] { (void)check_request(request_of(key.get(), key.get(), digest)); }), Fault::bad_request);
    }
}

TEST(Request, SmallExponentIsRefused) {
    const PKeyCtx ctx(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
    const Owned<BIGNUM, BN_free> three(BN_new());
    BN_set_word(three.get(), 3);
    EVP_PKEY* raw = nullptr;
    ASSERT_TRUE(EVP_PKEY_keygen_init(ctx.get()) == 1);
    unsigned bits = 2048;
    unsigned e = 3;
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_uint("bits", &bits), OSSL_PARAM_construct_uint("e", &e),
                                 OSSL_PARAM_construct_end()};
    ASSERT_EQ(EVP_PKEY_CTX_set_params(ctx.get(), params), 1);
    ASSERT_EQ(EVP_PKEY_generate(ctx.get(), &raw), 1);
    const PKey key(raw);
    EXPECT_EQ(fault_of([&] { (void)check_request(request_of(key.get(), key.get())); }), Fault::bad_request);
}

TEST(Request, AnotherKeyThanTheOneMadeIsRefused) {
    const PKey made = ec("P-256");
    const PKey swapped = ec("P-256");
    EXPECT_EQ(
        fault_of([&] { (void)check_request(request_of(swapped.get(), swapped.get()), Bytes(spki_of(made.get()))); }),
        Fault::bad_request);
}

TEST_F(Certificates, SayWhatTheOrderSays) {
    const PKey key = rsa(2048);
    const Cert cert = issue(Role::login, key.get());
    char line[512];
    X509_NAME_oneline(X509_get_subject_name(cert.get()), line, sizeof line);
    EXPECT_NE(std::string(line).find("UID=SHILI"), std::string::npos) << line;
    EXPECT_EQ(X509_get_extended_key_usage(cert.get()), static_cast<unsigned>(XKU_SSL_CLIENT));
    EXPECT_EQ(X509_get_key_usage(cert.get()), static_cast<unsigned>(KU_DIGITAL_SIGNATURE));
    const Owned<ASN1_OBJECT, ASN1_OBJECT_free> oid(OBJ_txt2obj("1.2.156.10260.4.1.4", 1));
    const int at = X509_get_ext_by_OBJ(cert.get(), oid.get(), -1);
    ASSERT_GE(at, 0);
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(cert.get(), at));
    const std::string text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                           static_cast<std::size_t>(ASN1_STRING_length(value)));
    EXPECT_EQ(text, std::string("\x13\x12") + "914403001922038216");
    EXPECT_GE(X509_get_ext_by_NID(cert.get(), NID_crl_distribution_points, -1), 0);
    EXPECT_GE(X509_get_ext_by_NID(cert.get(), NID_info_access, -1), 0);
    EXPECT_NO_THROW(check_certificate(cert.get(), ca.get(), kNow));
}

TEST_F(Certificates, NameNoAddressThatTheCaDoesntHave) {
    issuer.crl_url.clear();
    issuer.ocsp_url.clear();
    const PKey key = ec("P-256");
    const Cert cert = issue(Role::login, key.get());
    EXPECT_EQ(X509_get_ext_by_NID(cert.get(), NID_crl_distribution_points, -1), -1);
    EXPECT_EQ(X509_get_ext_by_NID(cert.get(), NID_info_access, -1), -1);
}

TEST_F(Certificates, UsageFollowsTheRoleAndTheKey) {
    const PKey r = rsa(2048);
    const PKey e = ec("P-256");
    EXPECT_EQ(X509_get_key_usage(issue(Role::signature, e.get()).get()),
              static_cast<unsigned>(KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION));
    EXPECT_EQ(X509_get_key_usage(issue(Role::decryption, r.get()).get()), static_cast<unsigned>(KU_KEY_ENCIPHERMENT));
    EXPECT_EQ(X509_get_key_usage(issue(Role::decryption, e.get()).get()), static_cast<unsigned>(KU_KEY_AGREEMENT));
    EXPECT_EQ(X509_get_ext_by_NID(issue(Role::signature, e.get()).get(), NID_ext_key_usage, -1), -1);
}

TEST_F(Certificates, SerialNumbersAreLongAndAllDifferent) {
    const PKey key = ec("P-256");
    std::set<std::string> seen;
    for (int i = 0; i < 64; ++i) {
        const std::string serial = serial_of(issue(Role::login, key.get()).get());
        EXPECT_EQ(serial.size(), 32U);
        seen.insert(serial);
    }
    EXPECT_EQ(seen.size(), 64U);
}

TEST_F(Certificates, ExpiredOrNotYetValidIssuerIssuesNothing) {
    const PKey key = ec("P-256");
    const auto at = [&](Time when, Time end) {
        (void)issue_certificate(issuer, Role::login, kSubject, key.get(), when, end);
    };
    EXPECT_EQ(fault_of([&] { at(kNow + 24h * 3651, kNow + 24h * 3652); }), Fault::expired);
    EXPECT_EQ(fault_of([&] { at(kNow - 2h, kNow + 24h); }), Fault::expired);
    EXPECT_EQ(fault_of([&] { at(kNow, kNow + 24h * 3651); }), Fault::expired);
    EXPECT_EQ(fault_of([&] { at(kNow, kNow); }), Fault::bad_argument);
    EXPECT_EQ(fault_of([&] { (void)make_crl(ca.get(), ca_key.get(), {}, 1, kNow + 24h * 3651, kNow + 24h * 3660); }),
              Fault::expired);
}

TEST_F(Certificates, SubjectsThatDontFitAreRefused) {
    const PKey key = ec("P-256");
    const auto with = [&](Subject subject) {
        return fault_of([&] { (void)issue_certificate(issuer, Role::login, subject, key.get(), kNow, kNow + 24h); });
    };
    EXPECT_EQ(with({"", kSubject.unified_code, "A"}), Fault::bad_argument);
    EXPECT_EQ(with({std::string(65, 'x'), kSubject.unified_code, "A"}), Fault::bad_argument);
    EXPECT_EQ(with({"\xC3\x28", kSubject.unified_code, "A"}), Fault::bad_argument);
    EXPECT_EQ(with({"X", kSubject.unified_code, ""}), Fault::bad_argument);
    EXPECT_EQ(with({"X", "914403001922038217", "A"}), Fault::bad_code);
    const PKey weak = rsa(1024);
    EXPECT_EQ(fault_of([&] { (void)issue(Role::login, weak.get()); }), Fault::bad_request);
}

TEST_F(Certificates, OthersCertificatesDontPass) {
    const PKey key = ec("P-256");
    const Cert cert = issue(Role::login, key.get());
    const PKey other_key = ec("P-256");
    const Cert other = make_authority_certificate({AuthorityKind::root, "CA", "Root", kNow - 1h, kNow + 24h * 3650},
                                                  other_key.get(), nullptr, other_key.get());
    EXPECT_EQ(fault_of([&] { check_certificate(cert.get(), other.get(), kNow); }), Fault::forged);
    EXPECT_EQ(fault_of([&] { check_certificate(cert.get(), ca.get(), kNow + 24h * 1096); }), Fault::expired);
    EXPECT_EQ(fault_of([&] { check_certificate(cert.get(), ca.get(), kNow - 1h); }), Fault::expired);
}

TEST_F(Certificates, CrlNamesTheRevokedWithTheirReason) {
    const PKey key = ec("P-256");
    const Cert cert = issue(Role::login, key.get());
    const Cert live = issue(Role::login, key.get());
    const Revoked revoked[] = {{serial_of(cert.get()), kNow, "keyCompromise"}};
    const Crl crl = make_crl(ca.get(), ca_key.get(), revoked, 7, kNow, kNow + 24h * 30);
    EXPECT_EQ(X509_CRL_verify(crl.get(), ca_key.get()), 1);
    X509_REVOKED* entry = nullptr;
    EXPECT_EQ(X509_CRL_get0_by_cert(crl.get(), &entry, cert.get()), 1);
    EXPECT_EQ(X509_CRL_get0_by_cert(crl.get(), &entry, live.get()), 0);
    const Revoked nonsense[] = {{serial_of(cert.get()), kNow, "because"}};
    EXPECT_EQ(fault_of([&] { (void)make_crl(ca.get(), ca_key.get(), nonsense, 8, kNow, kNow + 24h); }),
              Fault::bad_argument);
    EXPECT_EQ(fault_of([&] { (void)make_crl(ca.get(), ca_key.get(), {}, 8, kNow, kNow); }), Fault::bad_argument);
}

}  // namespace
}  // namespace sealkey::ca
