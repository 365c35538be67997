// Timestamps by `openssl ts`: what is taken, and every way in which one is refused; and what a revocation means for a
// signature that bears one.
#include "sign/timestamp.h"

#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "sign/revocation.h"
#include "unit/sign/soft_key.h"

namespace sealkey::sign::test {
namespace {

using std::chrono::hours;

Time clock_now() { return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now()); }

// An authority and its root, on disk. `openssl ts` says the time of this computer.
class Tsa {
public:
    explicit Tsa(const std::string& digest = "sha256") {
        const std::string make =
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 "
            "-subj /CN=time -addext extendedKeyUsage=critical,timeStamping -keyout ";
        EXPECT_EQ(run(make + (folder_ / "key") + " -out " + (folder_ / "pem")).code, 0);
        std::ofstream(folder_ / "serial") << "01\n";
        std::ofstream(folder_ / "cnf") << "[tsa]\nserial=" << (folder_ / "serial") << "\nsigner_digest=" << digest
                                       << "\ndefault_policy=1.2.3.4\ndigests=sha1,sha256,sha512\n";
    }
    [[nodiscard]] std::vector<seal::Cert> root() const { return read_certificates(read("pem")); }
    [[nodiscard]] ByteVector answer(Bytes request) const {
        folder_.write("query", request);
        const Ran ran =
            run("openssl ts -reply -config " + (folder_ / "cnf") + " -section tsa -queryfile " + (folder_ / "query") +
                " -signer " + (folder_ / "pem") + " -inkey " + (folder_ / "key") + " -out " + (folder_ / "answer"));
        EXPECT_EQ(ran.code, 0) << ran.out;
        return read("answer");
    }
    // As somebody else asks.
    [[nodiscard]] ByteVector answer(Bytes message, const std::string& digest) const {
        folder_.write("message", message);
        const Ran ran = run("openssl ts -query -cert -" + digest + " -data " + (folder_ / "message") + " -out " +
                            (folder_ / "asked"));
        EXPECT_EQ(ran.code, 0) << ran.out;
        return answer(read("asked"));
    }

private:
    [[nodiscard]] ByteVector read(const std::string& name) const {
        std::ifstream file(folder_ / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    Folder folder_;
};

const ByteVector kValue(64, 0x5A);
const ByteVector kOther(64, 0xA5);

class Timestamps : public testing::Test {
protected:
    Tsa tsa_;
    ByteVector stamped(Bytes value) {
        const TimestampRequest request = request_timestamp(value);
        return read_timestamp_answer(tsa_.answer(request.der), value, request.nonce, clock_now()).token;
    }
    static std::string fault(const ByteVector& token, const std::vector<seal::Cert>& root,
                             const ByteVector& value = kValue, Time now = clock_now()) {
        return fault_of([&] { (void)verify_timestamp(token, value, root, now); });
    }
};

TEST_F(Timestamps, AnswerToTheRequestIsTaken) {
    const TimestampRequest request = request_timestamp(kValue);
    const ByteVector answer = tsa_.answer(request.der);
    const auto read = [&](Bytes value, Bytes nonce, Time now) {
        return fault_of([&] { (void)read_timestamp_answer(answer, value, nonce, now); });
    };
    EXPECT_EQ(read(kValue, request.nonce, clock_now()), "no fault");
    EXPECT_EQ(read(kOther, request.nonce, clock_now()), "bad_timestamp");
    EXPECT_EQ(read(kValue, request_timestamp(kValue).nonce, clock_now()), "bad_timestamp");
    EXPECT_EQ(read(kValue, {}, clock_now()), "bad_timestamp");
    // A clock that is wrong, here or there, would make a signature that nobody takes.
    EXPECT_EQ(read(kValue, request.nonce, clock_now() + hours(1)), "bad_timestamp");
    EXPECT_EQ(read(kValue, request.nonce, clock_now() - hours(1)), "bad_timestamp");
}

TEST_F(Timestamps, NonceIsNewEachTime) { EXPECT_NE(request_timestamp(kValue).nonce, request_timestamp(kValue).nonce); }

TEST_F(Timestamps, AnswerWithoutANonceIsRefused) {
    const ByteVector answer = tsa_.answer(kValue, "sha256 -no_nonce");
    EXPECT_EQ(fault_of([&] { (void)read_timestamp_answer(answer, kValue, Bytes(kOther).first(16), clock_now()); }),
              "bad_timestamp");
}

TEST_F(Timestamps, TokenOfAnotherSignatureOrAuthorityIsRefused) {
    const ByteVector token = stamped(kValue);
    EXPECT_EQ(fault(token, tsa_.root()), "no fault");
    EXPECT_EQ(fault(token, tsa_.root(), kOther), "bad_timestamp");
    EXPECT_EQ(fault(token, Tsa().root()), "untrusted_timestamp");
    EXPECT_EQ(fault(token, {}), "untrusted_timestamp");
    EXPECT_EQ(fault(token, tsa_.root(), kValue, clock_now() - hours(1)), "bad_timestamp");
}

TEST_F(Timestamps, WeakDigestIsRefused) {
    for (const char* digest : {"sha256", "sha512"}) {
        const ByteVector answer = tsa_.answer(kValue, std::string(digest) + " -no_nonce");
        EXPECT_EQ(fault_of([&] { (void)read_timestamp_answer(answer, kValue, {}, clock_now()); }), "no fault");
    }
    const ByteVector imprint = tsa_.answer(kValue, "sha1 -no_nonce");
    EXPECT_EQ(fault_of([&] { (void)read_timestamp_answer(imprint, kValue, {}, clock_now()); }), "bad_timestamp");
    const ByteVector signature = Tsa("sha1").answer(kValue, "sha256 -no_nonce");
    EXPECT_EQ(fault_of([&] { (void)read_timestamp_answer(signature, kValue, {}, clock_now()); }), "bad_timestamp");
}

TEST_F(Timestamps, TruncatedOrForeignBytesAreRefused) {
    const ByteVector token = stamped(kValue);
    for (std::size_t size = 0; size < token.size(); ++size)
        ASSERT_EQ(fault({token.begin(), token.begin() + static_cast<std::ptrdiff_t>(size)}, tsa_.root()),
                  "bad_timestamp")
            << size;
    ByteVector longer = token;
    longer.push_back(0);
    EXPECT_EQ(fault(longer, tsa_.root()), "bad_timestamp");
    EXPECT_EQ(fault(SoftKey("P-256").certificate(), tsa_.root()), "bad_timestamp");
}

TEST_F(Timestamps, FlippedBitsInEveryByteNeverChangeWhatIsBelieved) {
    const ByteVector token = stamped(kValue);
    const auto root = tsa_.root();
    const Timestamp genuine = verify_timestamp(token, kValue, root, clock_now());
    std::size_t refused = 0;
    for (std::size_t i = 0; i < token.size(); ++i) {
        ByteVector changed = token;
        changed[i] ^= static_cast<std::uint8_t>(1 << (i % 8));
        try {
            const Timestamp read = verify_timestamp(changed, kValue, root, clock_now());
            ASSERT_EQ(read.time, genuine.time) << i;
            ASSERT_EQ(read.authority, genuine.authority) << i;
        } catch (const SignError&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, token.size() * 9 / 10);
}

// Signatures that bear timestamps.
class Stamped : public Timestamps {
protected:
    SoftKey authority_{"P-256", {.name = "authority", .authority = true}};
    Trust trust_ = trust_in(authority_.certificate());
    ByteVector signed_by(SoftKey& key, std::optional<Time> said, const Timestamper& timestamper) {
        return sign_detached(key, {kOther}, {said, std::nullopt, timestamper});
    }
    Verified verified(const ByteVector& cms) { return verify_detached(cms, {kOther}, trust_, clock_now()); }
    std::string fault_in(const ByteVector& cms) {
        return fault_of([&] { (void)verified(cms); });
    }
    static seal::test::CertificateOrder valid(Time from, Time until) {
        seal::test::CertificateOrder order{.name = "signer"};
        order.not_before = from;
        order.not_after = until;
        return order;
    }
};

TEST_F(Stamped, TimeOfTheTimestampCounts) {
    const Time now = clock_now();
    SoftKey key("P-256", valid(now - hours(2), now + hours(2)), &authority_);
    SoftKey old("P-256", valid(now - hours(4), now - hours(2)), &authority_);
    const Timestamper genuine = [&](Bytes value) { return stamped(value); };
    trust_.timestamp_authorities = tsa_.root();
    const Verified one = verified(signed_by(key, now - hours(1), genuine));
    ASSERT_TRUE(one.timestamp.has_value());
    EXPECT_EQ(one.signed_at, one.timestamp->time);
    EXPECT_GE(one.signed_at, now);
    // Later it has expired, and what it signed is still good.
    const ByteVector cms = signed_by(key, std::nullopt, genuine);
    EXPECT_EQ(fault_of([&] { (void)verify_detached(cms, {kOther}, trust_, now + hours(3)); }), "no fault");
    trust_.timestamp_authorities.clear();
    EXPECT_EQ(fault_of([&] { (void)verify_detached(cms, {kOther}, trust_, now + hours(3)); }), "expired_certificate");
    // A key that had expired can't say that it signed before: the timestamp tells.
    const ByteVector backdated = signed_by(old, now - hours(3), genuine);
    EXPECT_EQ(fault_in(backdated), "no fault");
    trust_.timestamp_authorities = tsa_.root();
    EXPECT_EQ(fault_in(backdated), "expired_certificate");
    EXPECT_EQ(fault_of([&] {
                  (void)verify_detached(signed_by(key, now + hours(1), genuine), {kOther}, trust_, now + hours(2));
              }),
              "bad_time");
}

TEST_F(Stamped, TokenOfAnotherDocumentIsRefused) {
    const Time now = clock_now();
    SoftKey key("P-256", valid(now - hours(2), now + hours(2)), &authority_);
    const ByteVector cms = signed_by(key, now, [&](Bytes) { return stamped(kValue); });
    EXPECT_EQ(fault_in(cms), "no fault");  // passed over: whom to trust for the time isn't said
    trust_.timestamp_authorities = tsa_.root();
    EXPECT_EQ(fault_in(cms), "bad_timestamp");
}

TEST_F(Stamped, TwoTimestampsAreRefused) {
    const Time now = clock_now();
    SoftKey key("P-256", valid(now - hours(2), now + hours(2)), &authority_);
    ByteVector token;
    const ByteVector once = signed_by(key, now, [&](Bytes value) { return token = stamped(value); });
    trust_.timestamp_authorities = tsa_.root();
    ASSERT_EQ(fault_in(once), "no fault");
    const unsigned char* p = once.data();
    const seal::Owned<CMS_ContentInfo, CMS_ContentInfo_free> cms(
        d2i_CMS_ContentInfo(nullptr, &p, static_cast<long>(once.size())));
    CMS_SignerInfo* signer = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms.get()), 0);
    ASSERT_EQ(CMS_unsigned_add1_attr_by_NID(signer, NID_id_smime_aa_timeStampToken, V_ASN1_SEQUENCE, token.data(),
                                            static_cast<int>(token.size())),
              1);
    unsigned char* der = nullptr;
    const int size = i2d_CMS_ContentInfo(cms.get(), &der);
    const ByteVector twice(der, der + size);
    OPENSSL_free(der);
    EXPECT_EQ(fault_in(twice), "bad_timestamp");
}

TEST_F(Stamped, AuthorityThatDoesNotAnswerLeavesNothing) {
    const Time now = clock_now();
    SoftKey key("P-256", valid(now - hours(2), now + hours(2)), &authority_);
    EXPECT_EQ(fault_of([&] {
                  (void)signed_by(key, now, [](Bytes) -> ByteVector { throw SignError(Fault::no_timestamp, "gone"); });
              }),
              "no_timestamp");
}

using Entry = seal::Owned<X509_REVOKED, X509_REVOKED_free>;

Entry revoked(Time at, std::optional<int> reason, std::optional<Time> invalid = std::nullopt) {
    Entry entry(X509_REVOKED_new());
    const auto asn1 = [](Time time) {
        return ASN1_GENERALIZEDTIME_set(nullptr, std::chrono::system_clock::to_time_t(time));
    };
    const seal::Owned<ASN1_TIME, ASN1_TIME_free> date(asn1(at));
    X509_REVOKED_set_revocationDate(entry.get(), date.get());
    if (reason) {
        const seal::Owned<ASN1_ENUMERATED, ASN1_ENUMERATED_free> value(ASN1_ENUMERATED_new());
        ASN1_ENUMERATED_set(value.get(), *reason);
        X509_REVOKED_add1_ext_i2d(entry.get(), NID_crl_reason, value.get(), 0, 0);
    }
    if (invalid) {
        const seal::Owned<ASN1_TIME, ASN1_TIME_free> value(asn1(*invalid));
        X509_REVOKED_add1_ext_i2d(entry.get(), NID_invalidity_date, value.get(), 0, 0);
    }
    return entry;
}

TEST(Revocation, CountsFromItsDateOn) {
    for (const std::optional<int> reason :
         {std::optional<int>{}, std::optional<int>{CRL_REASON_UNSPECIFIED}, std::optional<int>{CRL_REASON_SUPERSEDED},
          std::optional<int>{CRL_REASON_CESSATION_OF_OPERATION}, std::optional<int>{CRL_REASON_AFFILIATION_CHANGED},
          std::optional<int>{CRL_REASON_CERTIFICATE_HOLD}, std::optional<int>{CRL_REASON_PRIVILEGE_WITHDRAWN}}) {
        EXPECT_TRUE(leaves_good(revoked(kNow, reason).get(), kNow - hours(1)));
        EXPECT_FALSE(leaves_good(revoked(kNow, reason).get(), kNow));
        EXPECT_FALSE(leaves_good(revoked(kNow, reason).get(), kNow + hours(1)));
        EXPECT_FALSE(leaves_good(revoked(kNow, reason, kNow - hours(2)).get(), kNow - hours(1)));
        EXPECT_FALSE(leaves_good(revoked(kNow, reason, kNow + hours(2)).get(), kNow + hours(1)));
    }
}

TEST(Revocation, OfACompromisedKeyCountsForEveryTimeUnlessItIsKnownSinceWhen) {
    for (const int reason : {CRL_REASON_KEY_COMPROMISE, CRL_REASON_CA_COMPROMISE, CRL_REASON_AA_COMPROMISE}) {
        EXPECT_FALSE(leaves_good(revoked(kNow, reason).get(), kNow - hours(1000)));
        EXPECT_FALSE(leaves_good(revoked(kNow, reason, kNow - hours(2)).get(), kNow - hours(1)));
        EXPECT_TRUE(leaves_good(revoked(kNow, reason, kNow - hours(2)).get(), kNow - hours(3)));
    }
}

}  // namespace
}  // namespace sealkey::sign::test
