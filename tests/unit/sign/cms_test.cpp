// Detached CMS: made here, judged by openssl; and every way in which one is refused.
#include <gtest/gtest.h>

#include <algorithm>

#include "unit/sign/soft_key.h"

namespace sealkey::sign::test {
namespace {

using std::chrono::days;

const ByteVector kData = {'l', 'i', 'c', 'e', 'n', 'c', 'e', '\r', '\n', 0, 0xFF};

class Cms : public testing::Test {
protected:
    SoftKey authority_{"P-256", {.name = "authority", .authority = true}};
    SoftKey key_{"P-256", {.name = "signer"}, &authority_};
    Trust trust_ = trust_in(authority_.certificate());

    ByteVector made() { return sign_detached(key_, {kData}, {kNow, std::nullopt}); }
    std::string fault(const ByteVector& cms, const ByteVector& data, Time now = kNow) {
        return fault_of([&] { (void)verify_detached(cms, {data}, trust_, now); });
    }
};

class EachKind : public testing::TestWithParam<const char*> {};

TEST_P(EachKind, IsAcceptedByOpensslAndRefusedWithOneByteChanged) {
    SoftKey key(GetParam());
    const Folder folder;
    const std::string now = std::to_string(std::chrono::system_clock::to_time_t(kNow));
    const ByteVector cms = sign_detached(key, {Bytes(kData).first(4), Bytes(kData).subspan(4)}, {kNow, std::nullopt});
    const std::string certificate = folder.write("certificate", key.certificate());
    ASSERT_EQ(run("openssl x509 -inform DER -in " + certificate + " -out " + (folder / "ca.pem")).code, 0);
    const std::string verify = "openssl cms -verify -cades -binary -inform DER -attime " + now +
                               " -partial_chain -CAfile " + (folder / "ca.pem") + " -out /dev/null -in " +
                               folder.write("cms", cms) + " -content ";
    EXPECT_EQ(run(verify + folder.write("data", kData)).out, "CAdES Verification successful\n");
    ByteVector changed = kData;
    changed.back() ^= 1;
    const Ran ran = run(verify + folder.write("changed", changed));
    EXPECT_NE(ran.code, 0);
    EXPECT_NE(ran.out.find("erification failure"), std::string::npos) << ran.out;
    EXPECT_EQ(key.asked, 1);
}

INSTANTIATE_TEST_SUITE_P(Keys, EachKind, testing::Values("RSA", "P-256", "P-384"));

TEST_F(Cms, IsReadBack) {
    const Verified verified = verify_detached(made(), {kData}, trust_, kNow + days(1));
    EXPECT_EQ(verified.certificate, key_.certificate());
    EXPECT_TRUE(verified.says_time);
    EXPECT_EQ(verified.signed_at, kNow);
    EXPECT_FALSE(verified.seal.has_value());
}

TEST_F(Cms, CarriesTheSealUnderTheSignature) {
    const ByteVector seal(20000, 0x5A);
    const ByteVector cms = sign_detached(key_, {kData}, {std::nullopt, seal});
    const Verified verified = verify_detached(cms, {kData}, trust_, kNow);
    EXPECT_EQ(verified.seal, seal);
    EXPECT_FALSE(verified.says_time);
    ByteVector changed = cms;
    const auto at = std::search_n(changed.begin(), changed.end(), 1000, 0x5A);
    ASSERT_NE(at, changed.end());
    *(at + 500) ^= 1;
    EXPECT_EQ(fault(changed, kData), "wrong_signature");
}

TEST_F(Cms, ChangedDataOrSignatureIsRefused) {
    const ByteVector cms = made();
    ASSERT_EQ(fault(cms, kData), "no fault");
    ByteVector data = kData;
    data[0] ^= 1;
    EXPECT_EQ(fault(cms, data), "wrong_signature");
    EXPECT_EQ(fault(cms, {}), "wrong_signature");
    data = kData;
    data.push_back(0);
    EXPECT_EQ(fault(cms, data), "wrong_signature");
}

TEST_F(Cms, TruncatedOrForeignBytesAreRefused) {
    const ByteVector cms = made();
    for (std::size_t size = 0; size < cms.size(); ++size)
        ASSERT_EQ(fault(ByteVector(cms.begin(), cms.begin() + static_cast<std::ptrdiff_t>(size)), kData), "malformed")
            << size;
    ByteVector longer = cms;
    longer.push_back(1);
    EXPECT_EQ(fault(longer, kData), "malformed");
    EXPECT_EQ(fault(key_.certificate(), kData), "malformed");
}

TEST_F(Cms, FlippedBitsInEveryByteNeverMakeAnotherSigner) {
    // Some bits don't matter (an algorithm's absent parameters, certificates that ride along); none may change what is
    // believed.
    const ByteVector cms = made();
    int refused = 0;
    for (std::size_t i = 0; i < cms.size(); ++i) {
        ByteVector changed = cms;
        changed[i] ^= static_cast<std::uint8_t>(1 << (i % 8));
        try {
            const Verified verified = verify_detached(changed, {kData}, trust_, kNow);
            ASSERT_EQ(verified.certificate, key_.certificate()) << i;
            ASSERT_EQ(verified.signed_at, kNow) << i;
        } catch (const SignError&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, static_cast<int>(cms.size() * 9 / 10));
}

TEST_F(Cms, OfAnotherAuthorityIsRefused) {
    const SoftKey other("P-256", {.name = "authority", .authority = true});
    trust_ = trust_in(other.certificate());
    EXPECT_EQ(fault(made(), kData), "untrusted");
    trust_.authorities.clear();
    EXPECT_EQ(fault(made(), kData), "untrusted");
}

TEST_F(Cms, OfACertificateForSomethingElseIsRefused) {
    // The second is what a login certificate says; the last says nothing at all.
    for (const char* usage : {"critical,keyAgreement", "critical,digitalSignature",
                              "critical,digitalSignature,keyEncipherment,keyAgreement", ""}) {
        SCOPED_TRACE(usage);
        SoftKey other("P-256", {.name = "other", .key_usage = usage}, &authority_);
        EXPECT_EQ(fault(sign_detached(other, {kData}, {kNow, std::nullopt}), kData), "untrusted");
        EXPECT_EQ(fault_of([&] { require_signing_certificate(other, kNow); }), "unsupported_key");
    }
    for (const char* usage : {"critical,nonRepudiation", "nonRepudiation,digitalSignature"}) {
        SCOPED_TRACE(usage);
        SoftKey right("P-256", {.name = "right", .key_usage = usage}, &authority_);
        EXPECT_EQ(fault(sign_detached(right, {kData}, {kNow, std::nullopt}), kData), "no fault");
        EXPECT_EQ(fault_of([&] { require_signing_certificate(right, kNow); }), "no fault");
    }
}

TEST_F(Cms, SignedUnderACertificateThatWasNotValidThenIsRefused) {
    SoftKey old("P-256", {.name = "old", .not_after = kNow - days(1)}, &authority_);
    EXPECT_EQ(fault(sign_detached(old, {kData}, {kNow, std::nullopt}), kData), "expired_certificate");
    EXPECT_EQ(fault_of([&] { require_signing_certificate(old, kNow); }), "expired_certificate");
    EXPECT_EQ(fault_of([&] { require_signing_certificate(key_, kNow - days(200)); }), "expired_certificate");
    // Signed in time, read later.
    EXPECT_EQ(fault(sign_detached(old, {kData}, {kNow - days(2), std::nullopt}), kData, kNow), "no fault");
}

TEST_F(Cms, FromTheFutureIsRefused) {
    EXPECT_EQ(fault(made(), kData, kNow - days(1)), "bad_time");
    EXPECT_EQ(fault_of([&] { (void)verify_detached(made(), {kData}, trust_, kNow, kNow + days(1)); }), "bad_time");
}

class WithList : public Cms {
protected:
    void publish(Time made, Time next, const std::vector<const SoftKey*>& revoked) {
        trust_.crls.clear();
        trust_.crls.push_back(authority_.list(made, next, revoked));
    }
    std::string message(const ByteVector& cms, Time now = kNow) {
        try {
            (void)verify_detached(cms, {kData}, trust_, now);
        } catch (const SignError& error) {
            return error.what();
        }
        return "accepted";
    }
    const ByteVector early_ = sign_detached(key_, {kData}, {kNow - days(50), std::nullopt});
    SoftKey other_{"P-256", {.name = "another signer"}, &authority_};
};

TEST_F(WithList, OfTodayWithoutTheSignerIsAccepted) {
    publish(kNow - days(1), kNow + days(6), {&other_});
    EXPECT_EQ(message(early_), "accepted");
    publish(kNow - days(1), kNow + days(6), {});
    EXPECT_EQ(message(early_), "accepted");
}

TEST_F(WithList, RevokedIsRefusedWhateverTimeTheSignatureSays) {
    publish(kNow - days(1), kNow + days(6), {&other_, &key_});
    EXPECT_EQ(fault(early_, kData), "revoked");
    EXPECT_EQ(fault(made(), kData), "revoked");
}

TEST_F(WithList, OfAnotherDayIsRefusedAndSaysWhatToDo) {
    // It may not know yet what is revoked today.
    publish(kNow - days(9), kNow - days(2), {});
    EXPECT_EQ(fault(early_, kData), "untrusted");
    EXPECT_NE(message(early_).find("isn't of today: get the authority's new one"), std::string::npos)
        << message(early_);
    publish(kNow + days(2), kNow + days(9), {});
    EXPECT_NE(message(early_).find("isn't of today"), std::string::npos) << message(early_);
    // A list that was good at the time of the signature says nothing about today.
    publish(kNow - days(51), kNow - days(44), {});
    EXPECT_NE(message(early_).find("isn't of today"), std::string::npos) << message(early_);
}

TEST_F(WithList, OfAnotherAuthorityOrChangedIsNoListOfTheSigners) {
    const SoftKey stranger("P-256", {.name = "stranger", .authority = true});
    trust_.crls.push_back(stranger.list(kNow - days(1), kNow + days(6), {}));
    EXPECT_EQ(fault(early_, kData), "untrusted");
    // The right name, another key.
    const SoftKey twin("P-256", {.name = "authority", .authority = true});
    trust_.crls.clear();
    trust_.crls.push_back(twin.list(kNow - days(1), kNow + days(6), {}));
    EXPECT_EQ(fault(early_, kData), "untrusted");
}

TEST_F(Cms, SignedByTwoIsRefused) {
    const Folder folder;
    const std::string base = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=";
    ASSERT_EQ(run(base + "a -keyout " + (folder / "a.key") + " -out " + (folder / "a.pem")).code, 0);
    ASSERT_EQ(run(base + "b -keyout " + (folder / "b.key") + " -out " + (folder / "b.pem")).code, 0);
    const Ran ran = run("openssl cms -sign -binary -outform DER -in " + folder.write("data", kData) + " -signer " +
                        (folder / "a.pem") + " -inkey " + (folder / "a.key") + " -signer " + (folder / "b.pem") +
                        " -inkey " + (folder / "b.key") + " | xxd -p | tr -d '\\n'");
    ASSERT_EQ(ran.code, 0) << ran.out;
    ByteVector cms;
    for (std::size_t i = 0; i + 1 < ran.out.size(); i += 2)
        cms.push_back(static_cast<std::uint8_t>(std::stoi(ran.out.substr(i, 2), nullptr, 16)));
    EXPECT_EQ(fault(cms, kData), "malformed");
}

TEST(Pkcs1Block, HasTheFormOfRfc8017) {
    const ByteVector digest(32, 0xAB);
    const ByteVector block = pkcs1_block(EVP_sha256(), digest, 256);
    ASSERT_EQ(block.size(), 256U);
    EXPECT_EQ(block[0], 0);
    EXPECT_EQ(block[1], 1);
    EXPECT_EQ(block[256 - 51 - 1], 0);
    EXPECT_EQ(block[256 - 51], 0x30);
    EXPECT_TRUE(std::equal(digest.begin(), digest.end(), block.end() - 32));
}

}  // namespace
}  // namespace sealkey::sign::test
