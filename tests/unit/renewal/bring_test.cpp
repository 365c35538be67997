// A key centre's decryption key at first issue: over the bench's channel, in an envelope to the key that was made in 9D
// for it. The centre is a mock on OpenSSL.
#include "protocol/attestation.h"
#include "support/device_authority.h"
#include "support/key_centre.h"
#include "unit/renewal/renewal_fixture.h"

namespace sealkey::testing {
namespace {

using protocol::SecurityLevel;

class Bring : public ::testing::Test {
protected:
    Bring() {
        token_.manufacture();
        token_.initialise(Profile::shipping);
        EXPECT_EQ(token_.authenticate(), sw::ok);
    }
    PKey make(Algorithm algorithm = Algorithm::p256) {
        EXPECT_TRUE(token_.generate(ref::key_management, algorithm).ok());
        return key_in(ref::key_management);
    }
    PKey key_in(std::uint8_t slot) {
        const ByteVector told = find(token_.metadata(slot).data, 0x04).value();
        token::PublicKey key;
        key.point = find(told, 0x86).value_or(ByteVector{});
        key.modulus = find(told, 0x81).value_or(ByteVector{});
        key.exponent = find(told, 0x82).value_or(ByteVector{});
        return key_of(key);
    }
    static ByteVector data_of(const ByteVector& order, Algorithm algorithm, const ByteVector& envelope) {
        return concat({order, {static_cast<std::uint8_t>(algorithm)}, envelope});
    }
    Reply bring(const ByteVector& data) { return token_.send(0x80, 0x48, ref::key_management, 1, data); }
    static EnvelopeFor here(Algorithm algorithm = Algorithm::p256) {
        return {std::string(kSerial), ByteVector(16, 9), algorithm};
    }
    ByteVector good(const PKey& recipient) {
        return data_of(ByteVector(16, 9), Algorithm::p256, make_envelope(centre_, recipient, here()));
    }
    bool holds(const PKey& key) { return EVP_PKEY_eq(key_in(ref::key_management).get(), key.get()) == 1; }

    TestToken token_;
    const PKey centre_ = new_key("P-256");
};

TEST_F(Bring, EveryKindOfKeyToEveryKindOfKeyWithoutAPin) {
    for (const auto made : {Algorithm::p256, Algorithm::p384}) {
        for (const auto& [brought, name] :
             {std::pair{Algorithm::p256, "P-256"}, {Algorithm::p384, "P-384"}, {Algorithm::rsa2048, "RSA-2048"}}) {
            SCOPED_TRACE(name);
            const PKey recipient = make(made);
            const PKey centre = new_key(name);
            ASSERT_EQ(bring(data_of(ByteVector(16, 9), brought, make_envelope(centre, recipient, here(brought)))).sw,
                      sw::ok);
            EXPECT_TRUE(holds(centre));
        }
    }
}

TEST_F(Bring, ItIsCalledImportedAndTheCertificateOfTheOtherKeyGoes) {
    const PKey recipient = make();
    ASSERT_TRUE(token_.put_data(object::cert_9d, certificate_object({0x30, 0x02, 0x13, 0x00})).ok());
    ASSERT_EQ(bring(good(recipient)).sw, sw::ok);
    EXPECT_EQ(token_.get_data(object::cert_9d).sw, 0x6A82);
    EXPECT_EQ(find(token_.metadata(ref::key_management).data, 0x03), (ByteVector{2})) << "origin: imported";
    EXPECT_TRUE(holds(centre_));
}

TEST_F(Bring, AnEnvelopeOpensOnce) {
    const PKey recipient = make();
    const ByteVector data = good(recipient);
    ASSERT_EQ(bring(data).sw, sw::ok);
    EXPECT_EQ(bring(data).sw, 0x6A80) << "the key that opened it is gone";
    EXPECT_TRUE(holds(centre_));
    (void)make();
    EXPECT_EQ(bring(data).sw, 0x6A80) << "and no other opens it";
    EXPECT_FALSE(holds(centre_));
}

TEST_F(Bring, WrongOnesAreRefusedAndChangeNothing) {
    EXPECT_EQ(bring(data_of(ByteVector(16, 9), Algorithm::p256, ByteVector(105, 4))).sw, 0x6A88) << "9D is empty";
    const PKey recipient = make();
    const ByteVector right = good(recipient);
    const auto refused = [&](const ByteVector& data, const char* what, StatusWord word = 0x6A80) {
        EXPECT_EQ(bring(data).sw, word) << what;
        EXPECT_TRUE(holds(recipient)) << what;
    };
    const ByteVector envelope(right.begin() + 17, right.end());
    refused(data_of(ByteVector(16, 8), Algorithm::p256, envelope), "another order");
    refused(data_of(ByteVector(16, 9), Algorithm::p384, envelope), "another algorithm");
    refused(data_of(ByteVector(16, 9), static_cast<Algorithm>(0x03), envelope), "no key's algorithm");
    EnvelopeFor other = here();
    other.serial = "SK2600000099";
    refused(data_of(ByteVector(16, 9), Algorithm::p256, make_envelope(centre_, recipient, other)), "another token");
    refused(data_of(ByteVector(16, 9), Algorithm::p256, make_envelope(centre_, new_key("P-256"), here())),
            "another key");
    refused(ByteVector(right.begin(), right.begin() + 17), "no envelope", 0x6700);
    refused(ByteVector(right.begin(), right.end() - 1), "cut off");
    for (std::size_t at = 17; at < right.size(); at += 11) {
        ByteVector bent = right;
        bent[at] ^= 0x40;
        refused(bent, "bent");
    }
    for (const std::uint8_t slot : {ref::authentication, ref::signature}) {
        EXPECT_EQ(token_.send(0x80, 0x48, slot, 1, right).sw, 0x6A88) << "only 9D comes so";
    }
    EXPECT_EQ(bring(right).sw, sw::ok) << "and the right one is still taken";
}

TEST_F(Bring, WhoMayImportMayBringAndNobodyElse) {
    const PKey recipient = make();
    const ByteVector right = good(recipient);
    token_.wrap_all(false);
    EXPECT_EQ(bring(right).sw, 0x6982) << "not through the channel";
    token_.reset();
    ASSERT_EQ(token_.open_channel(SecurityLevel::mac_encryption), sw::ok);
    EXPECT_EQ(token_.secure(0x80, 0x48, ref::key_management, 1, right).sw, 0x6982) << "a channel of a lower level";
    token_.reset();
    token_.secure();
    token_.activate();
    ASSERT_TRUE(token_.verify(kPin).ok());
    EXPECT_EQ(bring(right).sw, 0x6982) << "secured: the PIN isn't enough";
    token_.reset();
    ASSERT_EQ(token_.open_channel(), sw::ok);
    token_.wrap_all(true);
    EXPECT_EQ(bring(right).sw, 0x6982) << "nor the channel alone";
    token_.reset();
    EXPECT_TRUE(holds(recipient));
    ASSERT_EQ(token_.open_channel(), sw::ok);
    token_.wrap_all(true);
    ASSERT_TRUE(token_.verify(kPin).ok());
    EXPECT_EQ(bring(right).sw, sw::ok) << "both";
    EXPECT_TRUE(holds(centre_));
}

}  // namespace
}  // namespace sealkey::testing
