// The CA's judgement of attestations: those of a real token's firmware, and planted ones with one defect each.
#include "ca/attestation.h"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include "ca/certificate.h"
#include "support/token_fixture.h"
#include "unit/ca/refusal.h"

namespace sealkey::ca {
namespace {

using namespace std::chrono_literals;
using protocol::Origin;
using protocol::PinPolicy;
using protocol::Profile;
using protocol::TouchPolicy;
using testing::TestToken;
namespace ref = protocol::ref;

PKey new_key() { return generate_key("p256"); }
ByteVector nonce(std::uint8_t first = 0) {
    ByteVector out(32);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(first + i);
    return out;
}

struct Root {
    explicit Root(Time from = kNow - 1h, Time to = kNow + 24h * 7000)
        : key(new_key()),
          certificate(make_authority_certificate({AuthorityKind::device_root, "CA", "Device Root", from, to}, key.get(),
                                                 nullptr, key.get())) {}
    PKey key;
    Cert certificate;
};

std::string own(protocol::attested::Own which) {
    return std::string(protocol::attested::kOwnArc) + "." + std::to_string(static_cast<int>(which));
}
std::string known(protocol::attested::Known which) {
    return std::string(protocol::attested::kKnownArc) + "." + std::to_string(static_cast<int>(which));
}
using protocol::attested::Known;
using protocol::attested::Own;

void remove(X509* cert, const std::string& oid) {
    const Owned<ASN1_OBJECT, ASN1_OBJECT_free> object(OBJ_txt2obj(oid.c_str(), 1));
    const int at = X509_get_ext_by_OBJ(cert, object.get(), -1);
    ASSERT_GE(at, 0) << oid;
    X509_EXTENSION_free(X509_delete_ext(cert, at));
}
void add(X509* cert, const std::string& oid, const ByteVector& contents) {
    const Owned<ASN1_OBJECT, ASN1_OBJECT_free> object(OBJ_txt2obj(oid.c_str(), 1));
    const Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> value(ASN1_OCTET_STRING_new());
    ASN1_OCTET_STRING_set(value.get(), contents.data(), static_cast<int>(contents.size()));
    const Owned<X509_EXTENSION, X509_EXTENSION_free> made(
        X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, value.get()));
    ASSERT_EQ(X509_add_ext(cert, made.get(), -1), 1);
}
void put(X509* cert, const std::string& oid, const ByteVector& contents) {
    remove(cert, oid);
    add(cert, oid, contents);
}

// A real token with F9, its device certificate, and a key in 9A, 9C (strict) and 9D.
class Attestations : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        fixture_ = new Fixture;  // making keys on the token is the long part: once for all
    }
    static void TearDownTestSuite() {
        delete fixture_;
        fixture_ = nullptr;
    }

    struct Fixture {
        Fixture() {
            token.manufacture();
            token.initialise(Profile::shipping);
            if (token.authenticate() != 0x9000) throw std::runtime_error("9B");
            f9 = public_key(ref::attestation, token.generate(ref::attestation));
            device = der_of(issue_device_certificate(root.certificate.get(), root.key.get(),
                                                     std::string(testing::kSerial), f9.get(), kNow)
                                .get());
            if (!token.put_data(testing::object::cert_attestation, testing::certificate_object(device)).ok()) {
                throw std::runtime_error("the token refuses its device certificate");
            }
            login = spki_of(public_key(ref::authentication, token.generate(ref::authentication)).get());
            signature = spki_of(public_key(ref::signature, token.generate(ref::signature, protocol::Algorithm::p256,
                                                                          PinPolicy::standard, TouchPolicy::cached))
                                    .get());
        }
        static PKey public_key(std::uint8_t, const testing::Reply& reply) {
            const auto point = testing::find(testing::find(reply.data, 0x7F49).value(), 0x86).value();
            EVP_PKEY* raw = new_key().release();
            if (EVP_PKEY_set1_encoded_public_key(raw, point.data(), point.size()) != 1) throw std::runtime_error("key");
            return PKey(raw);
        }
        Root root;
        TestToken token;
        PKey f9;
        ByteVector device, login, signature;
    };
    static inline Fixture* fixture_ = nullptr;
    Fixture& f = *fixture_;

    ByteVector attest(std::uint8_t slot, const ByteVector& with = nonce()) {
        const auto reply = with.empty() ? f.token.send(0x00, 0xF9, slot, 0) : f.token.send(0x80, 0x36, slot, 0, with);
        EXPECT_TRUE(reply.ok()) << std::hex << reply.sw;
        return reply.data;
    }
    // Everything that the bench asks for of 9C.
    AttestationOrder order() {
        AttestationOrder out;
        out.serial = std::string(testing::kSerial);
        out.numeric_serial = 0x123456;
        out.role = ref::signature;
        out.spki = f.signature;
        out.nonce = nonce();
        out.rid = ByteVector{};
        out.generation = 0;
        out.profile = Profile::shipping;
        out.least_pin_policy = PinPolicy::always;
        out.least_touch_policy = TouchPolicy::cached;
        out.least_firmware = {0, 1, 0};
        return out;
    }
    DeviceTrust trust() { return {{&f.root.certificate, 1}, {}, kNow}; }

    std::optional<Defect> defect_of(const ByteVector& attestation, const ByteVector& device, const DeviceTrust& by,
                                    const AttestationOrder& what) {
        try {
            (void)check_attestation(attestation, device, by, what);
        } catch (const AttestationRefused& refused) {
            EXPECT_EQ(refused.fault(), Fault::forged);
            return refused.defect();
        }
        return std::nullopt;
    }
    std::optional<Defect> defect_of(const AttestationOrder& what) {
        return defect_of(attest(ref::signature), f.device, trust(), what);
    }
};

TEST_F(Attestations, ARealOneIsTakenAndRead) {
    const Attested said = check_attestation(attest(ref::signature), f.device, trust(), order());
    EXPECT_EQ(said.serial, testing::kSerial);
    EXPECT_EQ(said.numeric_serial, 0x123456u);
    EXPECT_EQ(said.role, ref::signature);
    EXPECT_EQ(said.spki, f.signature);
    EXPECT_EQ(said.nonce, nonce());
    EXPECT_EQ(said.rid, std::nullopt);
    EXPECT_EQ(said.generation, 0u);
    EXPECT_EQ(said.origin, Origin::generated);
    EXPECT_EQ(said.profile, Profile::shipping);
    EXPECT_EQ(said.pin_policy, PinPolicy::always);
    EXPECT_EQ(said.touch_policy, TouchPolicy::cached);
    EXPECT_EQ(text_of(said.firmware), "0.1.0");
}

TEST_F(Attestations, TheCommonFormIsTakenWhereNoNonceIsAskedFor) {
    AttestationOrder what = order();
    const ByteVector common = attest(ref::signature, {});
    EXPECT_EQ(defect_of(common, f.device, trust(), what), Defect::nonce);
    what.nonce.reset();
    EXPECT_EQ(defect_of(common, f.device, trust(), what), std::nullopt);
}

TEST_F(Attestations, WrongChain) {
    const Root stranger;
    const ByteVector attestation = attest(ref::signature);
    EXPECT_EQ(defect_of(attestation, f.device, {{&stranger.certificate, 1}, {}, kNow}, order()), Defect::chain);
    EXPECT_EQ(defect_of(attestation, f.device, {{}, {}, kNow}, order()), Defect::chain) << "no roots at all";
    // A device certificate of the right root for another key; one for the right key by another root.
    const PKey other = new_key();
    const std::string serial(testing::kSerial);
    const auto certify = [&](const Root& root, EVP_PKEY* key) {
        return der_of(issue_device_certificate(root.certificate.get(), root.key.get(), serial, key, kNow).get());
    };
    EXPECT_EQ(defect_of(attestation, certify(f.root, other.get()), trust(), order()), Defect::chain);
    EXPECT_EQ(defect_of(attestation, certify(stranger, f.f9.get()), trust(), order()), Defect::chain);
    EXPECT_EQ(defect_of(attestation, attestation, trust(), order()), Defect::chain) << "itself as device certificate";
    EXPECT_EQ(defect_of(f.device, f.device, trust(), order()), Defect::chain) << "a device certificate alone";
    ByteVector changed = attestation;
    changed.back() ^= 1;
    EXPECT_EQ(defect_of(changed, f.device, trust(), order()), Defect::chain) << "another signature";
}

TEST_F(Attestations, OneOfSeveralRootsIsEnough) {
    const Root stranger;
    std::vector<Cert> roots;
    for (const X509* root : {stranger.certificate.get(), f.root.certificate.get()}) roots.emplace_back(X509_dup(root));
    EXPECT_EQ(defect_of(attest(ref::signature), f.device, {roots, {}, kNow}, order()), std::nullopt);
}

TEST_F(Attestations, NotValidAtThisTime) {
    const auto at = [&](Time when) {
        return defect_of(attest(ref::signature), f.device, {{&f.root.certificate, 1}, {}, when}, order());
    };
    EXPECT_EQ(at(kNow - 24h), Defect::expired);
    EXPECT_EQ(at(kNow + 24h * 6999), std::nullopt);
    EXPECT_EQ(at(kNow + 24h * 7001), Defect::expired);
}

TEST_F(Attestations, RevokedDeviceCertificate) {
    const std::string serial = serial_of(certificate_of_der(f.device).get());
    std::vector<std::string> asked;
    const auto with = [&](const std::string& revoked) {
        return DeviceTrust{{&f.root.certificate, 1},
                           [&asked, revoked](const std::string& one) {
                               asked.push_back(one);
                               return one == revoked;
                           },
                           kNow};
    };
    EXPECT_EQ(defect_of(attest(ref::signature), f.device, with(serial), order()), Defect::revoked);
    EXPECT_EQ(defect_of(attest(ref::signature), f.device, with("00"), order()), std::nullopt);
    EXPECT_EQ(asked, (std::vector<std::string>{serial, serial}));
}

TEST_F(Attestations, AnotherToken) {
    AttestationOrder what = order();
    what.serial = "SK2600000013";
    EXPECT_EQ(defect_of(what), Defect::serial);
    what = order();
    what.numeric_serial = 7;
    EXPECT_EQ(defect_of(what), Defect::serial);
}

TEST_F(Attestations, ATokenSpeaksForItselfAlone) {
    // The same F9, certified for another token: as if one token's F9 had been taken out.
    const ByteVector device = der_of(
        issue_device_certificate(f.root.certificate.get(), f.root.key.get(), "SK2600000013", f.f9.get(), kNow).get());
    ByteVector attestation;
    {
        const Cert cert = certificate_of_der(attest(ref::signature));
        const PKey f9 = new_key();
        const Cert middle =
            issue_device_certificate(f.root.certificate.get(), f.root.key.get(), "SK2600000013", f9.get(), kNow);
        X509_set_issuer_name(cert.get(), X509_get_subject_name(middle.get()));
        sign_certificate(cert.get(), f9.get());
        AttestationOrder what = order();
        EXPECT_EQ(defect_of(der_of(cert.get()), der_of(middle.get()), trust(), what), Defect::serial);
        what.serial.reset();
        EXPECT_EQ(defect_of(der_of(cert.get()), der_of(middle.get()), trust(), what), Defect::serial)
            << "also when nobody asks which token";
    }
    EXPECT_EQ(defect_of(attest(ref::signature), device, trust(), order()), Defect::chain) << "names don't even match";
}

TEST_F(Attestations, AnotherSlot) {
    AttestationOrder what = order();
    what.role = ref::authentication;
    EXPECT_EQ(defect_of(what), Defect::role);
}

TEST_F(Attestations, AnotherKeyThanTheRequests) {
    AttestationOrder what = order();
    what.spki = f.login;
    EXPECT_EQ(defect_of(what), Defect::key);
    what.spki = spki_of(new_key().get());
    EXPECT_EQ(defect_of(what), Defect::key);
}

TEST_F(Attestations, AnOldAnswer) {
    AttestationOrder what = order();
    what.nonce = nonce(1);
    EXPECT_EQ(defect_of(what), Defect::nonce);
    what.nonce->pop_back();
    EXPECT_EQ(defect_of(what), Defect::nonce);
}

TEST_F(Attestations, LooserPoliciesThanAsked) {
    AttestationOrder what = order();
    what.least_touch_policy = TouchPolicy::always;
    EXPECT_EQ(defect_of(what), Defect::policy) << "cached is less than always";
    what = order();
    what.role = ref::authentication;
    what.spki = f.login;
    const ByteVector login = attest(ref::authentication);
    what.least_touch_policy = TouchPolicy::never;
    EXPECT_EQ(defect_of(login, f.device, trust(), what), Defect::policy) << "once is less than always";
    what.least_pin_policy = PinPolicy::once;
    EXPECT_EQ(defect_of(login, f.device, trust(), what), std::nullopt);
    what.least_touch_policy = TouchPolicy::cached;
    EXPECT_EQ(defect_of(login, f.device, trust(), what), Defect::policy) << "no touch";
    what.least_touch_policy = TouchPolicy::never;
    what.least_pin_policy = PinPolicy::never;
    EXPECT_EQ(defect_of(login, f.device, trust(), what), std::nullopt) << "stricter than asked";
}

TEST_F(Attestations, OldFirmware) {
    for (const auto& [least, refused] : {std::pair<Version, bool>{{0, 1, 0}, false},
                                         {{0, 0, 255}, false},
                                         {{0, 1, 1}, true},
                                         {{0, 2, 0}, true},
                                         {{1, 0, 0}, true}}) {
        AttestationOrder what = order();
        what.least_firmware = least;
        EXPECT_EQ(defect_of(what) == Defect::firmware, refused) << text_of(least);
    }
}

TEST_F(Attestations, AnotherRenewal) {
    AttestationOrder what = order();
    what.rid = ByteVector(16, 7);
    EXPECT_EQ(defect_of(what), Defect::renewal);
    what = order();
    what.generation = 1;
    EXPECT_EQ(defect_of(what), Defect::renewal);
}

TEST_F(Attestations, AnotherProfile) {
    AttestationOrder what = order();
    what.profile = Profile::compatibility;
    EXPECT_EQ(defect_of(what), Defect::profile);
}

TEST_F(Attestations, AKeyThatWasBrought) {
    AttestationOrder what = order();
    what.imported = true;
    EXPECT_EQ(defect_of(what), Defect::imported) << "made on the token, where a brought one is expected";
    // A token of the compatibility profile takes one.
    const auto token = TestToken::personalised(Profile::compatibility);
    ASSERT_EQ(token->authenticate(), 0x9000);
    const PKey f9 = Fixture::public_key(ref::attestation, token->generate(ref::attestation));
    const ByteVector device = der_of(issue_device_certificate(f.root.certificate.get(), f.root.key.get(),
                                                              std::string(testing::kSerial), f9.get(), kNow)
                                         .get());
    ASSERT_TRUE(token->put_data(testing::object::cert_attestation, testing::certificate_object(device)).ok());
    ASSERT_TRUE(token->import_p256(ref::key_management).ok());
    const auto reply = token->send(0x80, 0x36, ref::key_management, 0, nonce());
    ASSERT_TRUE(reply.ok());
    AttestationOrder nothing;
    EXPECT_EQ(defect_of(reply.data, device, trust(), nothing), Defect::imported);
    nothing.imported = true;
    EXPECT_EQ(defect_of(reply.data, device, trust(), nothing), std::nullopt);
}

// ---- planted: a soft F9 under the right root signs what it likes ----

class Planted : public Attestations {
protected:
    using Change = std::function<void(X509*)>;
    std::optional<Defect> defect_with(const Change& change) {
        const Cert cert = certificate_of_der(attest(ref::signature));
        X509_set_issuer_name(cert.get(), X509_get_subject_name(device_.get()));
        change(cert.get());
        sign_certificate(cert.get(), f9_.get());
        return defect_of(der_of(cert.get()), der_of(device_.get()), trust(), order());
    }
    PKey f9_ = new_key();
    Cert device_ = issue_device_certificate(f.root.certificate.get(), f.root.key.get(), std::string(testing::kSerial),
                                            f9_.get(), kNow);
};

TEST_F(Planted, UnchangedItIsTaken) {
    EXPECT_EQ(defect_with([](X509*) {}), std::nullopt);
}

TEST_F(Planted, EveryExtensionMustBeThereOnceAndWellFormed) {
    const std::pair<std::string, ByteVector> all[] = {
        {known(Known::firmware), {0, 1, 0}},
        {known(Known::serial), {2, 3, 0x12, 0x34, 0x56}},
        {known(Known::policies), {3, 3}},
        {own(Own::serial), testing::concat({{0x13, 12}, testing::text(testing::kSerial)})},
        {own(Own::role), {4, 1, ref::signature}},
        {own(Own::generation), {2, 1, 0}},
        {own(Own::origin), {10, 1, 1}},
        {own(Own::profile), {10, 1, 1}},
    };
    for (const auto& [oid, good] : all) {
        EXPECT_EQ(defect_with([&](X509* cert) { put(cert, oid, good); }), std::nullopt) << oid;
        EXPECT_EQ(defect_with([&](X509* cert) { remove(cert, oid); }), Defect::malformed) << oid << " is absent";
        EXPECT_EQ(defect_with([&](X509* cert) { add(cert, oid, good); }), Defect::malformed)
            << oid << " is there twice";
        for (const ByteVector& bad : {ByteVector{}, ByteVector{1}, ByteVector(40, 1), testing::concat({good, {0}}),
                                      ByteVector(good.begin(), good.end() - 1)}) {
            EXPECT_EQ(defect_with([&](X509* cert) { put(cert, oid, bad); }), Defect::malformed)
                << oid << ": " << hex(bad);
        }
    }
}

TEST_F(Planted, NumbersAreInTheirShortestFormAndPositive) {
    for (const char* bad :
         {"0200", "020180", "0202007f", "020500ffffffff00", "02060000000001", "0205010000000 0", "0a0100", "020200"}) {
        const ByteVector value = testing::from_hex(bad);
        EXPECT_EQ(defect_with([&](X509* cert) { put(cert, own(Own::generation), value); }), Defect::malformed) << bad;
        EXPECT_EQ(defect_with([&](X509* cert) { put(cert, known(Known::serial), value); }), Defect::malformed) << bad;
    }
    const ByteVector largest = testing::from_hex("020500ffffffff");
    EXPECT_EQ(defect_with([&](X509* cert) { put(cert, own(Own::generation), largest); }), Defect::renewal);
}

TEST_F(Planted, PoliciesThatNoTokenHasAreNoPolicies) {
    for (const ByteVector& policies : {ByteVector{0, 3}, {4, 3}, {3, 0}, {3, 4}, {255, 255}}) {
        EXPECT_EQ(defect_with([&](X509* cert) { put(cert, known(Known::policies), policies); }), Defect::malformed);
    }
    EXPECT_EQ(defect_with([&](X509* cert) { put(cert, known(Known::policies), {2, 3}); }), Defect::policy);
}

TEST_F(Planted, AnOriginThatIsNoneIsRefused) {
    for (const std::uint8_t origin : {0, 2, 3, 255}) {
        EXPECT_EQ(defect_with([&](X509* cert) { put(cert, own(Own::origin), {10, 1, origin}); }), Defect::imported);
    }
}

TEST_F(Planted, ARenewalThatNobodyOrderedIsRefused) {
    const ByteVector rid = testing::concat({{4, 16}, ByteVector(16, 7)});
    EXPECT_EQ(defect_with([&](X509* cert) { add(cert, own(Own::rid), rid); }), Defect::renewal);
}

TEST_F(Planted, AnUnknownCriticalExtensionIsRefused) {
    const auto change = [&](X509* cert) {
        add(cert, "2.999.1", {5, 0});
        X509_EXTENSION_set_critical(X509_get_ext(cert, X509_get_ext_count(cert) - 1), 1);
    };
    EXPECT_EQ(defect_with(change), Defect::chain);
}

TEST_F(Planted, ALongerChainIsRefused) {
    // F9 certifies another "F9": a path of length 4 would need an authority that may have others below it.
    const PKey below = new_key();
    const Cert middle =
        issue_device_certificate(device_.get(), f9_.get(), std::string(testing::kSerial), below.get(), kNow);
    const Cert cert = certificate_of_der(attest(ref::signature));
    X509_set_issuer_name(cert.get(), X509_get_subject_name(middle.get()));
    sign_certificate(cert.get(), below.get());
    EXPECT_EQ(defect_of(der_of(cert.get()), der_of(middle.get()), trust(), order()), Defect::chain);
}

TEST_F(Planted, ARootOfItsOwnAmongTheRootsStillNeedsADeviceCertificate) {
    // An attestation signed by the root itself.
    const Cert cert = certificate_of_der(attest(ref::signature));
    X509_set_issuer_name(cert.get(), X509_get_subject_name(f.root.certificate.get()));
    sign_certificate(cert.get(), f.root.key.get());
    EXPECT_EQ(defect_of(der_of(cert.get()), f.device, trust(), order()), Defect::chain);
}

TEST_F(Attestations, GarbageIsNamedSo) {
    const ByteVector good = attest(ref::signature);
    EXPECT_EQ(defect_of({}, f.device, trust(), order()), Defect::malformed);
    EXPECT_EQ(defect_of(good, {}, trust(), order()), Defect::malformed);
    EXPECT_EQ(defect_of(good, {0x30, 0x00}, trust(), order()), Defect::malformed);
    ByteVector longer = good;
    longer.push_back(0);
    EXPECT_EQ(defect_of(longer, f.device, trust(), order()), Defect::malformed);
    for (std::size_t size = 0; size < good.size(); size += 5) {
        const ByteVector part(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_EQ(defect_of(part, f.device, trust(), order()), Defect::malformed) << size;
    }
    // Any bit changed: refused, by whatever name.
    for (std::size_t i = 0; i < good.size(); ++i) {
        ByteVector flipped = good;
        flipped[i] ^= 0x04;
        EXPECT_NE(defect_of(flipped, f.device, trust(), order()), std::nullopt) << i;
    }
}

TEST(FirmwareVersions, AreThreeNumbers) {
    EXPECT_EQ(version_of("0.1.0"), (Version{0, 1, 0}));
    EXPECT_EQ(version_of("255.20.3"), (Version{255, 20, 3}));
    for (const char* bad :
         {"", "1", "1.2", "1.2.3.4", "1.2.", "256.0.0", "-1.0.0", "1.2.x", " 1.2.3", "1.2.3 ", "1..3"}) {
        EXPECT_THROW((void)version_of(bad), CaError) << bad;
    }
}

}  // namespace
}  // namespace sealkey::ca
