// Every row of the module's own tables (those of docs/pkcs11-module.md), each with every function that it is about.
#include <map>

#include "attribute_rules.h"
#include "module.h"
#include "support/hex.h"

namespace sealkey::test {
namespace {

using pkcs11::AttributeRule;
using pkcs11::Default;
using pkcs11::Form;
namespace kind = pkcs11::kind;
namespace when = pkcs11::when;

constexpr unsigned kKinds[] = {kind::data, kind::certificate, kind::rsa_public, kind::ec_public, kind::secret};
constexpr CK_FLAGS kUses[] = {CKF_ENCRYPT, CKF_DECRYPT, CKF_DIGEST, CKF_SIGN,           CKF_VERIFY,  CKF_SIGN_RECOVER,
                              CKF_WRAP,    CKF_UNWRAP,  CKF_DERIVE, CKF_VERIFY_RECOVER, CKF_GENERATE};

class CombinationTest : public PersonalisedModuleTest {
protected:
    using Values = std::map<CK_ATTRIBUTE_TYPE, ByteVector>;

    static ByteVector number(CK_ULONG value) {
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(&value);
        return {bytes, bytes + sizeof(value)};
    }
    CK_RV create(const Values& values) {
        Template wanted;
        for (const auto& [type, value] : values) wanted.bytes(type, value);
        CK_ATTRIBUTE none{};
        return p11_.C_CreateObject(session_, values.empty() ? &none : wanted.data(), wanted.size(), &made_);
    }
    CK_RV change(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, const ByteVector& value) {
        Template wanted;
        wanted.bytes(type, value);
        return p11_.C_SetAttributeValue(session_, object, wanted.data(), wanted.size());
    }
    CK_RV copy(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, const ByteVector& value) {
        Template wanted;
        wanted.bytes(type, value);
        CK_OBJECT_HANDLE other = 0;
        return p11_.C_CopyObject(session_, object, wanted.data(), wanted.size(), &other);
    }
    CK_RV generate(CK_ATTRIBUTE_TYPE type, const ByteVector& value) {
        Template wanted;
        if (type != CKA_VALUE_LEN) wanted.number(CKA_VALUE_LEN, 16);
        wanted.bytes(type, value);
        CK_MECHANISM mechanism = of(CKM_AES_KEY_GEN);
        return p11_.C_GenerateKey(session_, &mechanism, wanted.data(), wanted.size(), &made_);
    }

    // What C_CreateObject needs for an object of this kind, and no more.
    Values needed(unsigned object_kind) {
        const auto of_token = [&](std::uint8_t id, CK_ATTRIBUTE_TYPE type) {
            return *attribute(session_, object(session_, CKO_PUBLIC_KEY, id), type);
        };
        switch (object_kind) {
            case kind::data:
                return {{CKA_CLASS, number(CKO_DATA)}};
            case kind::certificate:
                return {{CKA_CLASS, number(CKO_CERTIFICATE)},
                        {CKA_CERTIFICATE_TYPE, number(CKC_X_509)},
                        {CKA_SUBJECT, {0x30, 0x00}},
                        {CKA_VALUE, certificate_for(ec_key(), "somebody")}};
            case kind::rsa_public:
                return {{CKA_CLASS, number(CKO_PUBLIC_KEY)},
                        {CKA_KEY_TYPE, number(CKK_RSA)},
                        {CKA_MODULUS, of_token(kLogin, CKA_MODULUS)},
                        {CKA_PUBLIC_EXPONENT, of_token(kLogin, CKA_PUBLIC_EXPONENT)}};
            case kind::ec_public:
                return {{CKA_CLASS, number(CKO_PUBLIC_KEY)},
                        {CKA_KEY_TYPE, number(CKK_EC)},
                        {CKA_EC_PARAMS, of_token(kFormer, CKA_EC_PARAMS)},
                        {CKA_EC_POINT, of_token(kFormer, CKA_EC_POINT)}};
            default:
                return {{CKA_CLASS, number(CKO_SECRET_KEY)},
                        {CKA_KEY_TYPE, number(CKK_AES)},
                        {CKA_VALUE, ByteVector(16, 7)}};
        }
    }
    // A value that the attribute may have; `base`: what the object has already.
    static ByteVector sound(const AttributeRule& rule, const Values& base) {
        if (const auto given = base.find(rule.type); given != base.end()) return given->second;
        if (rule.type == CKA_VALUE_LEN) return number(16);
        if (rule.type == CKA_CHECK_VALUE) return {};  // none: it is computed
        switch (rule.form) {
            case Form::flag:
                return {static_cast<std::uint8_t>(rule.otherwise == Default::yes ? CK_TRUE : CK_FALSE)};
            case Form::number:
                return number(0);
            case Form::date:
                return {'2', '0', '2', '6', '0', '1', '3', '1'};
            case Form::mechanisms:
                return number(CKM_AES_CMAC);
            case Form::bytes:
                break;
        }
        return {'x'};
    }
    static std::optional<ByteVector> otherwise(const AttributeRule& rule) {
        switch (rule.otherwise) {
            case Default::absent:
                return std::nullopt;
            case Default::empty:
                return ByteVector();
            case Default::no:
                return ByteVector{CK_FALSE};
            case Default::yes:
                return ByteVector{CK_TRUE};
            case Default::zero:
                return number(0);
            case Default::unavailable:
                return number(~0UL);
        }
        return std::nullopt;
    }
    static CK_RV ok_if(bool may) { return may ? CKR_OK : CKR_ATTRIBUTE_READ_ONLY; }

    void check_creation(const AttributeRule& rule, const Values& base) {
        const bool needed = (rule.when & when::needed) != 0;
        EXPECT_EQ(base.contains(rule.type), needed);
        if (needed) {
            auto less = base;
            less.erase(rule.type);
            EXPECT_EQ(create(less), CKR_TEMPLATE_INCOMPLETE);
            return;
        }
        ASSERT_EQ(create(base), CKR_OK);
        if (rule.otherwise != Default::absent) {
            EXPECT_EQ(attribute(session_, made_, rule.type), otherwise(rule));
        }
        auto more = base;
        more[rule.type] = sound(rule, base);
        EXPECT_EQ(create(more), ok_if((rule.when & when::create) != 0));
        if ((rule.when & when::create) == 0 || rule.form == Form::bytes) return;
        more[rule.type] = ByteVector(3, 1);
        EXPECT_EQ(create(more), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    void check_changes(const AttributeRule& rule, const Values& base) {
        const auto value = sound(rule, base);
        const bool changes = (rule.when & when::change) != 0;
        const bool copies = (rule.when & (when::change | when::copy)) != 0;
        ASSERT_EQ(create(base), CKR_OK);
        const auto object = made_;
        EXPECT_EQ(change(object, rule.type, value), ok_if(changes));
        EXPECT_EQ(copy(object, rule.type, value), ok_if(copies));
        if ((rule.when & (when::raise | when::lower)) == 0) return;
        // One way, and not back.
        const ByteVector there{static_cast<std::uint8_t>((rule.when & when::raise) != 0 ? CK_TRUE : CK_FALSE)};
        EXPECT_EQ(change(object, rule.type, there), CKR_OK);
        EXPECT_EQ(attribute(session_, object, rule.type), there);
        EXPECT_EQ(change(object, rule.type, {static_cast<std::uint8_t>(there[0] ^ 1)}), CKR_ATTRIBUTE_READ_ONLY);
    }

    CK_SESSION_HANDLE session_ = open();
    CK_OBJECT_HANDLE made_ = 0;
};

TEST_F(CombinationTest, EveryAttributeOfEveryKindOfSessionObject) {
    for (const unsigned object_kind : kKinds) {
        const Values base = needed(object_kind);
        for (const AttributeRule& rule : pkcs11::attribute_rules()) {
            SCOPED_TRACE(std::string(rule.name) + ", kind " + std::to_string(object_kind));
            if ((rule.kinds & object_kind) != 0) {
                check_creation(rule, base);
                check_changes(rule, base);
                if (object_kind != kind::secret) continue;
                const bool value = rule.type == CKA_VALUE;
                const CK_RV refusal = value ? CKR_TEMPLATE_INCONSISTENT : CKR_ATTRIBUTE_READ_ONLY;
                EXPECT_EQ(generate(rule.type, sound(rule, base)), (rule.when & when::make) != 0 ? CKR_OK : refusal);
            } else if (pkcs11::attribute_rule(rule.type, object_kind) == nullptr) {
                auto more = base;
                more[rule.type] = sound(rule, base);
                EXPECT_EQ(create(more), CKR_ATTRIBUTE_TYPE_INVALID);
                ASSERT_EQ(create(base), CKR_OK);
                EXPECT_EQ(change(made_, rule.type, sound(rule, base)), CKR_ATTRIBUTE_TYPE_INVALID);
                EXPECT_EQ(attribute_code(session_, made_, rule.type), CKR_ATTRIBUTE_TYPE_INVALID);
            }
        }
    }
}

// Of each mechanism and each use: refused as no mechanism for this, or gone on to the key, which is none.
TEST_F(CombinationTest, EveryMechanismIsForWhatItsFlagsSayAndNothingElse) {
    CK_MECHANISM_TYPE types[128];
    CK_ULONG count = 128;
    ASSERT_EQ(p11_.C_GetMechanismList(0, types, &count), CKR_OK);
    unsigned char b[64] = {};
    CK_ULONG length = sizeof(b);
    for (CK_ULONG i = 0; i < count; ++i) {
        CK_MECHANISM_INFO info{};
        ASSERT_EQ(p11_.C_GetMechanismInfo(0, types[i], &info), CKR_OK);
        CK_MECHANISM m = of(types[i]);
        for (const CK_FLAGS use : kUses) {
            SCOPED_TRACE(std::to_string(types[i]) + ", use " + std::to_string(use));
            CK_RV code = CKR_OK;
            CK_RV good = CKR_KEY_HANDLE_INVALID;
            switch (use) {
                case CKF_ENCRYPT:
                    code = p11_.C_EncryptInit(session_, &m, 123456);
                    break;
                case CKF_DECRYPT:
                    code = p11_.C_DecryptInit(session_, &m, 123456);
                    break;
                case CKF_SIGN:
                    code = p11_.C_SignInit(session_, &m, 123456);
                    break;
                case CKF_VERIFY:
                    code = p11_.C_VerifyInit(session_, &m, 123456);
                    break;
                case CKF_SIGN_RECOVER:
                    code = p11_.C_SignRecoverInit(session_, &m, 123456);
                    break;
                case CKF_VERIFY_RECOVER:
                    code = p11_.C_VerifyRecoverInit(session_, &m, 123456);
                    break;
                case CKF_WRAP:
                    code = p11_.C_WrapKey(session_, &m, 123456, 123456, b, &length);
                    good = CKR_WRAPPING_KEY_HANDLE_INVALID;
                    break;
                case CKF_UNWRAP:
                    code = p11_.C_UnwrapKey(session_, &m, 123456, b, 24, nullptr, 0, &made_);
                    good = CKR_UNWRAPPING_KEY_HANDLE_INVALID;
                    break;
                case CKF_DERIVE:
                    code = p11_.C_DeriveKey(session_, &m, 123456, nullptr, 0, &made_);
                    break;
                case CKF_GENERATE:
                    code = p11_.C_GenerateKey(session_, &m, nullptr, 0, &made_);
                    good = CKR_TEMPLATE_INCOMPLETE;
                    break;
                default:
                    code = p11_.C_DigestInit(session_, &m);
                    good = CKR_OK;
                    if (code == CKR_OK) {
                        EXPECT_EQ(p11_.C_DigestInit(session_, nullptr), CKR_OK);
                    }
            }
            EXPECT_EQ(code, (info.flags & use) != 0 ? good : CKR_MECHANISM_INVALID);
        }
    }
}

}  // namespace
}  // namespace sealkey::test
