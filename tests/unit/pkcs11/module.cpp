#include "module.h"

#include <dlfcn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cstdlib>

#include "test_clock.h"

namespace sealkey::test {

CK_FUNCTION_LIST& module() {
    static CK_FUNCTION_LIST* const list = [] {
        void* handle = ::dlopen(SEALKEY_MODULE, RTLD_NOW | RTLD_LOCAL);
        if (handle == nullptr) throw std::runtime_error(::dlerror());
        const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(handle, "C_GetFunctionList"));
        CK_FUNCTION_LIST* found = nullptr;
        if (get == nullptr || get(&found) != CKR_OK) throw std::runtime_error("no function list");
        return found;
    }();
    return *list;
}

Template& Template::bytes(CK_ATTRIBUTE_TYPE type, const void* value, std::size_t size) {
    const auto* first = static_cast<const std::uint8_t*>(value);
    values_.push_back(std::make_unique<ByteVector>(first, first + size));
    attributes_.push_back({type, values_.back()->data(), size});
    return *this;
}

ModuleTest::ModuleTest() : p11_(module()) {
    ::setenv("SEALKEY_SIM_SOCKETS", key_.socket_path().c_str(), 1);
    ::setenv("SEALKEY_CACHE", "off", 1);  // nobody's own folder
}

ModuleTest::~ModuleTest() { reset_clock(); }

PersonalisedModuleTest::PersonalisedModuleTest() {
    key_.personalise();
    start_ = key_.apdus();
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    const CK_RV code = p11_.C_Initialize(&arguments);
    if (code != CKR_OK) throw std::runtime_error("C_Initialize: " + std::to_string(code));
}

CK_SESSION_HANDLE ModuleTest::open(CK_FLAGS flags, CK_SLOT_ID slot) {
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    EXPECT_EQ(p11_.C_OpenSession(slot, flags, nullptr, nullptr, &session), CKR_OK);
    return session;
}

CK_RV ModuleTest::login(CK_SESSION_HANDLE session, const char* pin, CK_USER_TYPE user) {
    std::string copy = pin;
    return p11_.C_Login(session, user, reinterpret_cast<unsigned char*>(copy.data()), copy.size());
}

std::vector<CK_OBJECT_HANDLE> ModuleTest::find(CK_SESSION_HANDLE session, Template wanted) {
    std::vector<CK_OBJECT_HANDLE> found;
    EXPECT_EQ(p11_.C_FindObjectsInit(session, wanted.data(), wanted.size()), CKR_OK);
    for (;;) {
        CK_OBJECT_HANDLE some[3];
        CK_ULONG count = 0;
        EXPECT_EQ(p11_.C_FindObjects(session, some, 3, &count), CKR_OK);
        if (count == 0) break;
        found.insert(found.end(), some, some + count);
    }
    EXPECT_EQ(p11_.C_FindObjectsFinal(session), CKR_OK);
    return found;
}

CK_OBJECT_HANDLE ModuleTest::object(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, std::uint8_t id) {
    const auto found = find(session, std::move(Template().number(CKA_CLASS, object_class).bytes(CKA_ID, &id, 1)));
    EXPECT_LE(found.size(), 1U);
    return found.empty() ? CK_INVALID_HANDLE : found[0];
}

std::optional<ByteVector> ModuleTest::attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                                CK_ATTRIBUTE_TYPE type) {
    CK_ATTRIBUTE one{type, nullptr, 0};
    if (p11_.C_GetAttributeValue(session, object, &one, 1) != CKR_OK) return std::nullopt;
    ByteVector value(one.ulValueLen + 1);  // never an empty buffer: its pointer would be null
    one.pValue = value.data();
    if (p11_.C_GetAttributeValue(session, object, &one, 1) != CKR_OK) return std::nullopt;
    value.resize(one.ulValueLen);
    return value;
}

CK_RV ModuleTest::attribute_code(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
    CK_ATTRIBUTE one{type, nullptr, 0};
    return p11_.C_GetAttributeValue(session, object, &one, 1);
}

std::optional<ByteVector> ModuleTest::sign(CK_SESSION_HANDLE session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
                                           ByteView data, CK_RV* code) {
    CK_RV local = CKR_OK;
    CK_RV& result = code != nullptr ? *code : local;
    result = p11_.C_SignInit(session, &mechanism, key);
    if (result != CKR_OK) return std::nullopt;
    ByteVector signature(512);
    CK_ULONG length = signature.size();
    result = p11_.C_Sign(session, const_cast<unsigned char*>(data.data()), data.size(), signature.data(), &length);
    if (result != CKR_OK) return std::nullopt;
    signature.resize(length);
    return signature;
}

CK_FLAGS ModuleTest::token_flags(CK_SLOT_ID slot) {
    CK_TOKEN_INFO info{};
    EXPECT_EQ(p11_.C_GetTokenInfo(slot, &info), CKR_OK);
    return info.flags;
}

ByteVector sha256(ByteView data) {
    ByteVector out(32);
    EVP_Digest(data.data(), data.size(), out.data(), nullptr, EVP_sha256(), nullptr);
    return out;
}

namespace {

bool verifies(const Key& key, const char* hash, ByteView message, ByteView signature, std::optional<int> pss) {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* parameters = nullptr;
    const EVP_MD* md = EVP_get_digestbyname(hash);
    bool good = EVP_DigestVerifyInit(context, &parameters, md, nullptr, key.get()) == 1;
    if (good && pss) {
        good = EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, *pss) == 1;
    }
    good = good && EVP_DigestVerify(context, signature.data(), signature.size(), message.data(), message.size()) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

}  // namespace

bool rsa_verifies(const Key& key, const char* hash, ByteView message, ByteView signature, std::optional<int> pss) {
    return verifies(key, hash, message, signature, pss);
}

bool ecdsa_verifies(const Key& key, const char* hash, ByteView message, ByteView signature) {
    if (signature.size() % 2 != 0) return false;
    const int half = static_cast<int>(signature.size() / 2);
    ECDSA_SIG* pair = ECDSA_SIG_new();
    ECDSA_SIG_set0(pair, BN_bin2bn(signature.data(), half, nullptr), BN_bin2bn(signature.data() + half, half, nullptr));
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(pair, &der);
    const bool good = verifies(key, hash, message, {der, static_cast<std::size_t>(size)}, std::nullopt);
    OPENSSL_free(der);
    ECDSA_SIG_free(pair);
    return good;
}

}  // namespace sealkey::test
