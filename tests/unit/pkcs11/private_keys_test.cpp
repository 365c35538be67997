// Each private key of a real token with each mechanism and each use: what docs/pkcs11-module.md says, and no more.
#include <fstream>
#include <map>
#include <set>
#include <span>
#include <sstream>

#include "module.h"
#include "support/hex.h"
#include "support/test_keys.h"
#include "test_clock.h"

namespace sealkey::test {
namespace {

using Names = std::set<std::string>;

// By the standard's header, not by the module's table.
#define SEALKEY_NAMED(name) \
    { #name, CKM_##name }
const std::map<std::string, CK_MECHANISM_TYPE> kByName = {
    SEALKEY_NAMED(RSA_PKCS_KEY_PAIR_GEN),
    SEALKEY_NAMED(RSA_PKCS),
    SEALKEY_NAMED(RSA_X_509),
    SEALKEY_NAMED(RSA_PKCS_OAEP),
    SEALKEY_NAMED(RSA_PKCS_PSS),
    SEALKEY_NAMED(SHA1_RSA_PKCS),
    SEALKEY_NAMED(SHA224_RSA_PKCS),
    SEALKEY_NAMED(SHA256_RSA_PKCS),
    SEALKEY_NAMED(SHA384_RSA_PKCS),
    SEALKEY_NAMED(SHA512_RSA_PKCS),
    SEALKEY_NAMED(SHA1_RSA_PKCS_PSS),
    SEALKEY_NAMED(SHA224_RSA_PKCS_PSS),
    SEALKEY_NAMED(SHA256_RSA_PKCS_PSS),
    SEALKEY_NAMED(SHA384_RSA_PKCS_PSS),
    SEALKEY_NAMED(SHA512_RSA_PKCS_PSS),
    SEALKEY_NAMED(EC_KEY_PAIR_GEN),
    SEALKEY_NAMED(ECDSA),
    SEALKEY_NAMED(ECDSA_SHA1),
    SEALKEY_NAMED(ECDSA_SHA224),
    SEALKEY_NAMED(ECDSA_SHA256),
    SEALKEY_NAMED(ECDSA_SHA384),
    SEALKEY_NAMED(ECDSA_SHA512),
    SEALKEY_NAMED(ECDH1_DERIVE),
    SEALKEY_NAMED(ECDH1_COFACTOR_DERIVE),
    SEALKEY_NAMED(SHA_1),
    SEALKEY_NAMED(SHA224),
    SEALKEY_NAMED(SHA256),
    SEALKEY_NAMED(SHA384),
    SEALKEY_NAMED(SHA512),
    SEALKEY_NAMED(AES_KEY_GEN),
    SEALKEY_NAMED(AES_ECB),
    SEALKEY_NAMED(AES_CBC),
    SEALKEY_NAMED(AES_CBC_PAD),
    SEALKEY_NAMED(AES_CTR),
    SEALKEY_NAMED(AES_GCM),
    SEALKEY_NAMED(AES_KEY_WRAP),
    SEALKEY_NAMED(AES_KEY_WRAP_PAD),
    SEALKEY_NAMED(AES_CMAC),
    SEALKEY_NAMED(GENERIC_SECRET_KEY_GEN),
    SEALKEY_NAMED(SHA_1_HMAC),
    SEALKEY_NAMED(SHA224_HMAC),
    SEALKEY_NAMED(SHA256_HMAC),
    SEALKEY_NAMED(SHA384_HMAC),
    SEALKEY_NAMED(SHA512_HMAC),
};
#undef SEALKEY_NAMED

Names split(const std::string& text) {
    Names parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, ',');) parts.insert(part.substr(part.find_first_not_of(' ')));
    return parts;
}

// A table of the document: what stands in the column, by the first one.
std::map<std::string, Names> table(const std::string& name, std::size_t column) {
    std::ifstream file(SEALKEY_MODULE_DOCUMENT);
    std::string line;
    while (std::getline(file, line) && line != "<!-- made by pkcs11_tables: " + name + " -->") {
    }
    std::getline(file, line);  // the head, and the line below it
    std::getline(file, line);
    std::map<std::string, Names> rows;
    while (std::getline(file, line) && line.starts_with("| ")) {
        std::vector<std::string> cells;
        for (std::size_t at = 2, end = 0; (end = line.find(" |", at)) != std::string::npos; at = end + 3) {
            cells.push_back(line.substr(at, end - at));
        }
        rows[cells.at(0)] = split(cells.at(column));
    }
    return rows;
}

// The uses of a private key, and how each is begun.
const std::map<std::string, CK_ATTRIBUTE_TYPE> kPrivateUses = {{"sign", CKA_SIGN},
                                                               {"sign with recovery", CKA_SIGN_RECOVER},
                                                               {"decrypt", CKA_DECRYPT},
                                                               {"unwrap", CKA_UNWRAP},
                                                               {"derive", CKA_DERIVE}};
struct KeyRow {
    std::uint8_t id;
    const char* name;  // in the document
    Names uses;
};
const KeyRow kPrivateKeys[] = {
    {kLogin, "Login, RSA", {"sign", "sign with recovery", "decrypt", "unwrap"}},
    {kSignature, "Signature, RSA", {"sign", "sign with recovery"}},
    {kDecryption, "Decryption, RSA", {"sign", "sign with recovery", "decrypt", "unwrap"}},
    {kDevice, "Device, EC", {"sign"}},
    {kFormer, "Former decryption 1, EC", {"sign", "derive"}},
};

// The same slots with keys of the other kind.
const KeyRow kExchangedKeys[] = {
    {kLogin, "Login, EC", {"sign", "derive"}},
    {kSignature, "Signature, EC", {"sign"}},
    {kDecryption, "Decryption, EC", {"sign", "derive"}},
    {kDevice, "Device, RSA", {"sign", "sign with recovery"}},
    {kFormer, "Former decryption 1, RSA", {"sign", "sign with recovery", "decrypt", "unwrap"}},
};
using KeyRows = std::span<const KeyRow>;

bool is_rsa(const std::string& mechanism) { return mechanism.find("RSA_") != std::string::npos; }
bool is_ec(const std::string& mechanism) { return mechanism.starts_with("EC"); }

class PrivateKeyTest : public PersonalisedModuleTest {
protected:
    // The mechanism with parameters that a key of its kind takes.
    CK_MECHANISM good(const std::string& name) {
        const CK_MECHANISM_TYPE type = kByName.at(name);
        if (name == "RSA_PKCS_OAEP") return {type, &oaep_, sizeof(oaep_)};
        if (name.starts_with("ECDH")) return {type, &ecdh_, sizeof(ecdh_)};
        if (!name.ends_with("PSS")) return of(type);
        struct Hash {
            const char* name;
            CK_MECHANISM_TYPE hash;
            CK_RSA_PKCS_MGF_TYPE mgf;
            CK_ULONG size;
        };
        static constexpr Hash kHashes[] = {{"SHA1_", CKM_SHA_1, CKG_MGF1_SHA1, 20},
                                           {"SHA224_", CKM_SHA224, CKG_MGF1_SHA224, 28},
                                           {"SHA384_", CKM_SHA384, CKG_MGF1_SHA384, 48},
                                           {"SHA512_", CKM_SHA512, CKG_MGF1_SHA512, 64}};
        pss_ = {CKM_SHA256, CKG_MGF1_SHA256, 32};
        for (const Hash& one : kHashes) {
            if (name.starts_with(one.name)) pss_ = {one.hash, one.mgf, one.size};
        }
        return {type, &pss_, sizeof(pss_)};
    }
    // A session key, wrapped for this key by its public half.
    ByteVector wrapped(std::uint8_t id, CK_MECHANISM mechanism) {
        Template wanted;
        wanted.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_AES).bytes(CKA_VALUE, ByteVector(16, 1));
        CK_OBJECT_HANDLE secret = 0;
        EXPECT_EQ(p11_.C_CreateObject(session_, wanted.data(), wanted.size(), &secret), CKR_OK);
        ByteVector out(512);
        CK_ULONG length = out.size();
        EXPECT_EQ(
            p11_.C_WrapKey(session_, &mechanism, object(session_, CKO_PUBLIC_KEY, id), secret, out.data(), &length),
            CKR_OK);
        out.resize(length);
        return out;
    }
    // Begun, and ended as it began.
    template <class Init>
    CK_RV begun(Init init, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
        const CK_RV code = init(session_, mechanism, key);
        if (code == CKR_OK) {
            EXPECT_EQ(init(session_, nullptr, key), CKR_OK);
        }
        return code;
    }
    CK_RV begin(const std::string& use, const std::string& name, std::uint8_t id, bool is_good) {
        CK_MECHANISM mechanism = good(name);
        const auto key = object(session_, CKO_PRIVATE_KEY, id);
        CK_OBJECT_HANDLE made = 0;
        if (use == "sign") return begun(p11_.C_SignInit, &mechanism, key);
        if (use == "sign with recovery") return begun(p11_.C_SignRecoverInit, &mechanism, key);
        if (use == "decrypt") return begun(p11_.C_DecryptInit, &mechanism, key);
        if (use == "derive") return p11_.C_DeriveKey(session_, &mechanism, key, nullptr, 0, &made);
        ByteVector data = is_good ? wrapped(id, mechanism) : ByteVector(256);
        return p11_.C_UnwrapKey(session_, &mechanism, key, data.data(), data.size(), nullptr, 0, &made);
    }
    static CK_RV expected(const KeyRow& key, const std::string& use, const std::string& name, const Names& uses,
                          const Names& allowed) {
        if (!uses.contains(use)) return CKR_MECHANISM_INVALID;
        const bool fits = std::string(key.name).ends_with("RSA") ? is_rsa(name) : is_ec(name);
        if (!fits) return use == "unwrap" ? CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT : CKR_KEY_TYPE_INCONSISTENT;
        if (!key.uses.contains(use)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
        return allowed.contains(name) ? CKR_OK : CKR_MECHANISM_INVALID;
    }

    // Another program gives each slot a key of the other kind.
    void exchange() {
        const auto part = [](std::string_view text) { return sealkey::testing::from_hex(text); };
        const auto p = part(sealkey::testing::kTestRsaP);
        const auto q = part(sealkey::testing::kTestRsaQ);
        const auto dp = part(sealkey::testing::kTestRsaDp);
        const auto dq = part(sealkey::testing::kTestRsaDq);
        const auto qinv = part(sealkey::testing::kTestRsaQinv);
        const auto scalar = part(sealkey::testing::kTestP256Scalar);
        const auto token = key_.client();
        key_.authenticate(*token);
        for (const std::uint8_t slot : {0x9A, 0x9C, 0x9D}) token->import_ec(slot, protocol::Algorithm::p256, scalar);
        for (const std::uint8_t slot : {0x82, 0x9E}) {
            token->import_rsa(slot, protocol::Algorithm::rsa2048, {p, q, dp, dq, qinv});
        }
        move_clock(std::chrono::seconds(3));
        session_ = open();  // which reads what the token has, if nobody has in the last two seconds
        point_ = *attribute(session_, object(session_, CKO_PUBLIC_KEY, kLogin), CKA_EC_POINT);
        ecdh_ = {CKD_NULL, 0, nullptr, point_.size(), point_.data()};
    }
    void expect_documented(KeyRows keys);
    int expect_begun(KeyRows keys);

    CK_SESSION_HANDLE session_ = open();
    CK_RSA_PKCS_PSS_PARAMS pss_{};
    CK_RSA_PKCS_OAEP_PARAMS oaep_{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
    ByteVector point_ = *attribute(session_, object(session_, CKO_PUBLIC_KEY, kFormer), CKA_EC_POINT);
    CK_ECDH1_DERIVE_PARAMS ecdh_{CKD_NULL, 0, nullptr, point_.size(), point_.data()};
};

TEST_F(PrivateKeyTest, DocumentKnowsEveryMechanismAndNoOther) {
    CK_MECHANISM_TYPE types[128];
    CK_ULONG count = 128;
    ASSERT_EQ(p11_.C_GetMechanismList(0, types, &count), CKR_OK);
    std::set<CK_MECHANISM_TYPE> documented;
    for (const auto& [name, uses] : table("mechanisms", 3)) documented.insert(kByName.at(name));
    EXPECT_EQ(documented, std::set<CK_MECHANISM_TYPE>(types, types + count));
    EXPECT_EQ(documented.size(), kByName.size());
}

void PrivateKeyTest::expect_documented(KeyRows keys) {
    ASSERT_EQ(login(session_, kPin), CKR_OK);
    auto documented = table("allowed", 1);
    for (const KeyRow& key : keys) {
        SCOPED_TRACE(key.name);
        const auto handle = object(session_, CKO_PRIVATE_KEY, key.id);
        std::set<CK_MECHANISM_TYPE> wanted;
        for (const std::string& name : documented.at(key.name)) wanted.insert(kByName.at(name));
        const auto value = attribute(session_, handle, CKA_ALLOWED_MECHANISMS);
        ASSERT_TRUE(value);
        ASSERT_EQ(value->size(), wanted.size() * sizeof(CK_MECHANISM_TYPE));
        std::set<CK_MECHANISM_TYPE> told;
        for (std::size_t at = 0; at < value->size(); at += sizeof(CK_MECHANISM_TYPE)) {
            CK_MECHANISM_TYPE one = 0;
            std::memcpy(&one, value->data() + at, sizeof(one));
            told.insert(one);
        }
        EXPECT_EQ(told, wanted);
        for (const auto& [use, type] : kPrivateUses) {
            const bool is_for_it = key.uses.contains(use);
            EXPECT_EQ(attribute(session_, handle, type), ByteVector{static_cast<std::uint8_t>(is_for_it)}) << use;
        }
    }
}

TEST_F(PrivateKeyTest, AllowedMechanismsAndUsesAreTheDocumentedOnes) {
    std::set<std::string> all;
    for (const KeyRows keys : {KeyRows(kPrivateKeys), KeyRows(kExchangedKeys)}) {
        if (keys.data() == kExchangedKeys) {
            EXPECT_EQ(p11_.C_Logout(session_), CKR_OK);
            exchange();
        }
        expect_documented(keys);
        for (const KeyRow& key : keys) all.insert(key.name);
    }
    std::set<std::string> rows;
    for (const auto& [name, mechanisms] : table("allowed", 1)) rows.insert(name);
    EXPECT_EQ(all, rows);
}

int PrivateKeyTest::expect_begun(KeyRows keys) {
    EXPECT_EQ(login(session_, kPin), CKR_OK);
    const auto mechanisms = table("mechanisms", 3);
    const auto documented = table("allowed", 1);
    int begun = 0;
    for (const KeyRow& key : keys) {
        const Names& allowed = documented.at(key.name);
        for (const auto& [name, uses] : mechanisms) {
            for (const auto& [use, type] : kPrivateUses) {
                SCOPED_TRACE(std::string(key.name) + ", " + name + ", " + use);
                const CK_RV wanted = expected(key, use, name, uses, allowed);
                EXPECT_EQ(begin(use, name, key.id, wanted == CKR_OK), wanted);
                begun += wanted == CKR_OK ? 1 : 0;
            }
        }
    }
    return begun;
}

TEST_F(PrivateKeyTest, EveryKeyBeginsWhatItIsAllowedAndRefusesEverythingElse) {
    // Each RSA key 13 ways to sign (the one with a PIN each time 8), two of them with recovery, three to decrypt and
    // two to unwrap where it does; each EC key 6 ways to sign, and 2 to derive.
    EXPECT_EQ(expect_begun(kPrivateKeys), 2 * (13 + 2 + 3 + 2) + (8 + 2) + 6 + (6 + 2));
}

TEST_F(PrivateKeyTest, TheSameWithKeysOfTheOtherKind) {
    exchange();
    EXPECT_EQ(expect_begun(kExchangedKeys), 2 * (6 + 2) + 6 + (13 + 2) + (13 + 2 + 3 + 2));
}

}  // namespace
}  // namespace sealkey::test
