// Seals from outside: cut short, changed in any bit, lengthened, and of forms the standard's other readers stumble on.
#include <gtest/gtest.h>

#include "seal/seal_asn1.h"
#include "unit/seal/maker.h"

namespace sealkey::seal::test {
namespace {

class HostileSeal : public testing::Test {
protected:
    Maker maker_;
    ByteVector der_ = maker_.seal();
    std::vector<Cert> authorities_ = maker_.authorities();

    std::string fault(Bytes der) {
        return fault_of([&] { verify_seal(parse_seal(der), authorities_, kNow); });
    }
    // The seal with its fields changed by `change` and signed again by the right maker.
    template <class Change>
    std::string fault_resigned(Change change) {
        SealObject object = read_seal(der_);
        change(*object);
        const ByteVector signature = sm2_sign(maker_.key.get(), write(object->info));
        ASN1_STRING_set(object->signature, signature.data(), static_cast<int>(signature.size()));
        return fault(write(object.get()));
    }
};

void set(ASN1_STRING* to, const std::string& text) { ASN1_STRING_set(to, text.data(), static_cast<int>(text.size())); }

TEST_F(HostileSeal, EveryTruncationIsRefused) {
    ASSERT_EQ(fault(der_), "no fault");
    for (std::size_t size = 0; size < der_.size(); ++size)
        EXPECT_EQ(fault(Bytes(der_).first(size)), "malformed") << size;
}

TEST_F(HostileSeal, SomethingAfterItIsRefused) {
    ByteVector longer = der_;
    longer.push_back(0);
    EXPECT_EQ(fault(longer), "malformed");
    longer.insert(longer.end(), der_.begin(), der_.end());
    EXPECT_EQ(fault(longer), "malformed");
    EXPECT_EQ(fault(ByteVector(kMaxSeal + 1, 0x30)), "too_large");
}

TEST_F(HostileSeal, FlippedBitsInEveryByteAreRefused) {
    std::size_t refused = 0;
    for (std::size_t i = 0; i < der_.size(); ++i) {
        for (const std::size_t bit : {i % 8, (5 * i + 3) % 8}) {
            ByteVector changed = der_;
            changed[i] ^= static_cast<std::uint8_t>(1 << bit);
            const std::string what = fault(changed);
            ASSERT_NE(what, "no fault") << "byte " << i << " bit " << bit;
            ASSERT_NE(what, "crypto") << "byte " << i << " bit " << bit;
            ++refused;
        }
    }
    EXPECT_EQ(refused, 2 * der_.size());
}

TEST_F(HostileSeal, LengthsThatAreNotDerAreRefused) {
    // The outer length once more, in one byte more than is needed.
    ASSERT_EQ(der_[0], 0x30);
    ASSERT_EQ(der_[1], 0x82);
    ByteVector longer = {0x30, 0x83, 0x00};
    longer.insert(longer.end(), der_.begin() + 2, der_.end());
    EXPECT_EQ(fault(longer), "malformed");
    ByteVector indefinite = {0x30, 0x80};
    indefinite.insert(indefinite.end(), der_.begin() + 4, der_.end());
    indefinite.insert(indefinite.end(), {0, 0});
    EXPECT_EQ(fault(indefinite), "malformed");
}

TEST_F(HostileSeal, DeepNestingEndsInARefusal) {
    ByteVector nested;
    while (nested.size() + 4 < kMaxSeal) nested.insert(nested.end(), {0x30, 0x80});
    EXPECT_EQ(fault(nested), "malformed");
}

TEST_F(HostileSeal, FieldsAreHeldToTheirRulesEvenUnderARightSignature) {
    EXPECT_EQ(fault_resigned([](SES_SEAL&) {}), "no fault");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { set(s.info->header->id, "EX"); }), "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { ASN1_INTEGER_set_int64(s.info->header->version, 5); }), "unsupported");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { ASN1_INTEGER_set_int64(s.info->header->version, -4); }), "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { set(s.info->es_id, "\xe4\xb8\xad"); }), "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { set(s.info->property->name, "a\xff"); }), "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { set(s.info->property->name, std::string("a\0b", 3)); }), "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { ASN1_INTEGER_set_int64(s.info->property->type, 3); }), "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { ASN1_INTEGER_set_int64(s.info->property->cert_list_type, 2); }),
              "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { ASN1_INTEGER_set_int64(s.info->property->cert_list_type, 3); }),
              "unsupported");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { set(s.info->property->valid_end, "20271121080000+0800"); }),
              "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { set(s.info->property->valid_end, "20270230080000Z"); }), "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { set(s.info->property->valid_end, "20200101000000Z"); }), "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { set(s.info->picture->type, "EXE"); }), "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { ASN1_INTEGER_set_int64(s.info->picture->width, 0); }), "malformed");
    EXPECT_EQ(fault_resigned([](SES_SEAL& s) { ASN1_INTEGER_set_uint64(s.info->picture->width, UINT64_MAX); }),
              "malformed");
}

// An ExtData: OID 1.2.3, critical as given (-1: left out), value 05.
ASN1_TYPE* extension(int critical) {
    ByteVector body = {0x06, 0x02, 0x2A, 0x03};
    if (critical >= 0) body.insert(body.end(), {0x01, 0x01, static_cast<std::uint8_t>(critical)});
    body.insert(body.end(), {0x04, 0x01, 0x05});
    body.insert(body.begin(), {0x30, static_cast<std::uint8_t>(body.size())});
    const unsigned char* p = body.data();
    return d2i_ASN1_TYPE(nullptr, &p, static_cast<long>(body.size()));
}

TEST_F(HostileSeal, ExtensionsNotKnownHereAreReadPastUnlessCritical) {
    const auto with = [&](ASN1_TYPE* entry) {
        return fault_resigned([&](SES_SEAL& s) {
            s.info->ext_datas = sk_ASN1_TYPE_new_null();
            sk_ASN1_TYPE_push(s.info->ext_datas, entry);
        });
    };
    EXPECT_EQ(with(extension(-1)), "no fault");
    EXPECT_EQ(with(extension(0)), "no fault");  // FALSE spelled out, as a widespread writer does
    EXPECT_EQ(with(extension(0xFF)), "unsupported");
    ASN1_TYPE* number = ASN1_TYPE_new();
    ASN1_INTEGER* one = ASN1_INTEGER_new();
    ASN1_INTEGER_set(one, 1);
    ASN1_TYPE_set(number, V_ASN1_INTEGER, one);
    EXPECT_EQ(with(number), "malformed");
}

TEST_F(HostileSeal, ListOfDigestsIsReadAndHeldToItsDigest) {
    SealObject object = read_seal(der_);
    const ByteVector certificate = maker_.order().certificates[0];
    const auto list_with = [&](Bytes hashed) {
        std::uint8_t digest[32];
        EVP_Digest(hashed.data(), hashed.size(), digest, nullptr, EVP_sm3(), nullptr);
        ByteVector entry = {0x30, 0x27, 0x13, 0x03, 'S', 'M', '3', 0x04, 0x20};
        entry.insert(entry.end(), digest, digest + 32);
        const unsigned char* p = entry.data();
        sk_ASN1_TYPE_pop_free(object->info->property->cert_list, ASN1_TYPE_free);
        object->info->property->cert_list = sk_ASN1_TYPE_new_null();
        sk_ASN1_TYPE_push(object->info->property->cert_list,
                          d2i_ASN1_TYPE(nullptr, &p, static_cast<long>(entry.size())));
        ASN1_INTEGER_set_int64(object->info->property->cert_list_type, 2);
        return parse_seal(write(object.get()));
    };
    EXPECT_NO_THROW(require_listed(list_with(certificate), certificate));
    const ByteVector other = maker_.order().picture.data;
    EXPECT_EQ(fault_of([&] { require_listed(list_with(other), certificate); }), "certificate_not_listed");
}

TEST_F(HostileSeal, AnotherSealsSignatureIsRefused) {
    SealInfo order = maker_.order();
    order.not_after += days(3650);
    const Seal longer = parse_seal(make_seal(order, maker_.key.get(), maker_.certificate.get()));
    SealObject object = read_seal(longer.der);
    const Seal right = parse_seal(der_);
    ASN1_STRING_set(object->signature, right.signature.data(), static_cast<int>(right.signature.size()));
    EXPECT_EQ(fault(write(object.get())), "wrong_signature");
}

}  // namespace
}  // namespace sealkey::seal::test
