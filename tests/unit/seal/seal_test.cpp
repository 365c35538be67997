// What a seal says, and each way in which it is refused.
#include <gtest/gtest.h>

#include "seal/picture.h"
#include "unit/seal/maker.h"

namespace sealkey::seal::test {
namespace {

class SealOfAMaker : public testing::Test {
protected:
    Maker maker_;
    std::string fault_making(const SealInfo& info) {
        return fault_of([&] { (void)make_seal(info, maker_.key.get(), maker_.certificate.get()); });
    }
    std::string fault_verifying(const ByteVector& der, const std::vector<Cert>& authorities, Time now = kNow) {
        return fault_of([&] { verify_seal(parse_seal(der), authorities, now); });
    }
};

TEST_F(SealOfAMaker, SaysWhatWasOrdered) {
    const SealInfo order = maker_.order();
    const Seal seal = parse_seal(maker_.seal());
    EXPECT_EQ(seal.info.vendor, order.vendor);
    EXPECT_EQ(seal.info.id, order.id);
    EXPECT_EQ(seal.info.type, SealType::organisation);
    EXPECT_EQ(seal.info.name, order.name);
    EXPECT_EQ(seal.info.certificates, order.certificates);
    EXPECT_TRUE(seal.info.digests.empty());
    EXPECT_EQ(seal.info.created, order.created);
    EXPECT_EQ(seal.info.not_before, order.not_before);
    EXPECT_EQ(seal.info.not_after, order.not_after);
    EXPECT_EQ(seal.info.picture.type, "PNG");
    EXPECT_EQ(seal.info.picture.data, order.picture.data);
    EXPECT_EQ(seal.info.picture.width_mm, 40);
    EXPECT_EQ(seal.info.picture.height_mm, 42);
    EXPECT_EQ(seal.maker_certificate, der_of(maker_.certificate.get()));
    EXPECT_NO_THROW(verify_seal(seal, maker_.authorities(), kNow));
    EXPECT_NO_THROW(require_valid(seal, kNow));
    EXPECT_NO_THROW(require_listed(seal, der_of(maker_.signer.get())));
}

TEST_F(SealOfAMaker, HoldsSeveralSigningCertificates) {
    SealInfo order = maker_.order();
    const PKey key = new_key("P-256");
    const Cert second = new_certificate({.name = "second"}, key.get(), nullptr, nullptr);
    order.certificates.push_back(der_of(second.get()));
    const Seal seal = parse_seal(make_seal(order, maker_.key.get(), maker_.certificate.get()));
    EXPECT_NO_THROW(require_listed(seal, order.certificates[0]));
    EXPECT_NO_THROW(require_listed(seal, order.certificates[1]));
}

TEST_F(SealOfAMaker, IsNotForAnotherCertificateOfTheSameKey) {
    const Cert renewed = new_certificate({.name = "signer"}, maker_.signer_key.get(), nullptr, nullptr);
    const Seal seal = parse_seal(maker_.seal());
    EXPECT_EQ(fault_of([&] { require_listed(seal, der_of(renewed.get())); }), "certificate_not_listed");
    EXPECT_EQ(fault_of([&] { require_listed(seal, {}); }), "certificate_not_listed");
}

TEST_F(SealOfAMaker, IsValidBetweenItsDatesAlone) {
    const Seal seal = parse_seal(maker_.seal());
    EXPECT_NO_THROW(require_valid(seal, seal.info.not_before));
    EXPECT_NO_THROW(require_valid(seal, seal.info.not_after));
    EXPECT_EQ(fault_of([&] { require_valid(seal, seal.info.not_before - std::chrono::seconds(1)); }), "not_yet_valid");
    EXPECT_EQ(fault_of([&] { require_valid(seal, seal.info.not_after + std::chrono::seconds(1)); }), "expired");
}

TEST_F(SealOfAMaker, OfAnotherAuthorityIsRefused) {
    const Maker other;
    EXPECT_EQ(fault_verifying(maker_.seal(), other.authorities()), "maker_untrusted");
    EXPECT_EQ(fault_verifying(maker_.seal(), {}), "maker_untrusted");
}

TEST_F(SealOfAMaker, SignedByAnotherMakersKeyIsRefused) {
    // The same info, signed by another key, under the right maker's certificate.
    const Maker other;
    const ByteVector right = maker_.seal();
    Seal seal = parse_seal(right);
    seal.signature = sm2_sign(other.key.get(), seal.info_der);
    EXPECT_EQ(fault_of([&] { verify_signature(seal); }), "wrong_signature");
}

TEST_F(SealOfAMaker, MakerThatNamesItselfAuthorityIsRefused) {
    std::vector<Cert> list;
    list.push_back(certificate_of_der(der_of(maker_.certificate.get())));
    EXPECT_EQ(fault_verifying(maker_.seal(), list), "maker_untrusted");
    const Cert self = new_certificate({}, maker_.key.get(), nullptr, nullptr);
    EXPECT_EQ(fault_verifying(make_seal(maker_.order(), maker_.key.get(), self.get()), maker_.authorities()),
              "maker_untrusted");
}

TEST_F(SealOfAMaker, IssuedByACertificateThatIsNoAuthorityIsRefused) {
    const PKey key = new_key("SM2");
    const Cert lower = new_certificate({.name = "lower"}, key.get(), maker_.certificate.get(), maker_.key.get());
    const ByteVector der = make_seal(maker_.order(), key.get(), lower.get());
    std::vector<Cert> list = maker_.authorities();
    list.push_back(certificate_of_der(der_of(maker_.certificate.get())));
    EXPECT_EQ(fault_verifying(der, list), "maker_untrusted");
}

TEST_F(SealOfAMaker, MakerUnderAnIntermediateAuthorityIsAccepted) {
    const PKey middle_key = new_key("SM2");
    const Cert middle = new_certificate({.name = "middle", .authority = true}, middle_key.get(), maker_.root.get(),
                                        maker_.root_key.get());
    const Cert lower = new_certificate({}, maker_.key.get(), middle.get(), middle_key.get());
    std::vector<Cert> list = maker_.authorities();
    list.push_back(certificate_of_der(der_of(middle.get())));
    EXPECT_NO_THROW(verify_seal(parse_seal(make_seal(maker_.order(), maker_.key.get(), lower.get())), list, kNow));
}

TEST_F(SealOfAMaker, MakerCertificateMustBeValidThenAndNow) {
    const ByteVector der = maker_.seal();
    EXPECT_EQ(fault_verifying(der, maker_.authorities(), kNow + days(1001)), "maker_expired");
    const Cert late =
        new_certificate({.not_before = kNow + days(1)}, maker_.key.get(), maker_.root.get(), maker_.root_key.get());
    EXPECT_EQ(fault_of([&] { (void)make_seal(maker_.order(), maker_.key.get(), late.get()); }), "maker_expired");
    const Cert old =
        new_certificate({.not_after = kNow - days(1)}, maker_.key.get(), maker_.root.get(), maker_.root_key.get());
    EXPECT_EQ(fault_of([&] { (void)make_seal(maker_.order(), maker_.key.get(), old.get()); }), "maker_expired");
}

TEST_F(SealOfAMaker, MakerWhoseCertificateIsNotForSigningIsRefused) {
    const Cert other = new_certificate({.key_usage = "critical,keyEncipherment"}, maker_.key.get(), maker_.root.get(),
                                       maker_.root_key.get());
    EXPECT_EQ(fault_verifying(make_seal(maker_.order(), maker_.key.get(), other.get()), maker_.authorities()),
              "maker_untrusted");
}

TEST_F(SealOfAMaker, IsMadeWithAnSm2KeyThatFitsItsCertificate) {
    const PKey p256 = new_key("P-256");
    const PKey sm2 = new_key("SM2");
    const Cert plain = new_certificate({}, p256.get(), nullptr, nullptr);
    EXPECT_EQ(fault_of([&] { (void)make_seal(maker_.order(), p256.get(), plain.get()); }), "bad_argument");
    EXPECT_EQ(fault_of([&] { (void)make_seal(maker_.order(), sm2.get(), maker_.certificate.get()); }), "bad_argument");
    EXPECT_EQ(fault_of([&] { (void)make_seal(maker_.order(), nullptr, maker_.certificate.get()); }), "bad_argument");
    EXPECT_EQ(fault_of([&] { (void)make_seal(maker_.order(), sm2.get(), nullptr); }), "bad_argument");
}

TEST_F(SealOfAMaker, OrderThatBreaksARuleIsRefused) {
    const auto broken = [&](auto change) {
        SealInfo order = maker_.order();
        change(order);
        return fault_making(order);
    };
    EXPECT_EQ(broken([](SealInfo& o) { o.vendor = ""; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.vendor = "中"; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.id = ""; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.id = "a\nb"; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.id = std::string(257, '1'); }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.name = ""; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.name = "\xff\xfe"; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.name = "a\x1b[31m"; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.certificates.clear(); }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.certificates[0].pop_back(); }), "bad_certificate");
    EXPECT_EQ(broken([](SealInfo& o) { o.certificates.resize(kMaxListed + 1, o.certificates[0]); }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.not_after = o.not_before; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.picture.width_mm = 0; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.picture.height_mm = kMaxMillimetres + 1; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.picture.type = "GIF"; }), "bad_argument");
    EXPECT_EQ(broken([](SealInfo& o) { o.picture.data.clear(); }), "bad_picture");
    EXPECT_EQ(broken([](SealInfo& o) { o.picture.data.resize(o.picture.data.size() / 2); }), "bad_picture");
    EXPECT_EQ(broken([](SealInfo& o) { o.picture.data[o.picture.data.size() / 2] ^= 1; }), "bad_picture");
    EXPECT_EQ(broken([](SealInfo& o) { o.picture.data = png(kMaxPicturePoints + 1, 1); }), "bad_picture");
    EXPECT_EQ(broken([](SealInfo& o) { o.picture.data = png(120, 120, true); }), "too_large");
}

TEST(SealPicture, IsDecodedWithItsTransparency) {
    const Pixels pixels = decode_png(png(7, 5));
    EXPECT_EQ(pixels.width, 7U);
    EXPECT_EQ(pixels.height, 5U);
    ASSERT_EQ(pixels.rgba.size(), 7U * 5U * 4U);
    EXPECT_EQ(pixels.rgba[0], 200);
    EXPECT_EQ(pixels.rgba[3], 30);
}

}  // namespace
}  // namespace sealkey::seal::test
