// PKCS#11 3.0 beside 2.40: how programs ask for it, and what it adds.
#include <dlfcn.h>

#include "cryptoki3.h"
#include "module.h"
#include "session_calls.h"

namespace sealkey::test {
namespace {

using InterfaceTest = PersonalisedModuleTest;
using BareInterfaceTest = ModuleTest;

CK_INTERFACE* interface_of(const char* name, std::optional<CK_VERSION> version, CK_FLAGS flags, CK_RV& code) {
    void* handle = ::dlopen(SEALKEY_MODULE, RTLD_NOW | RTLD_LOCAL);
    const auto get = reinterpret_cast<CK_C_GetInterface>(::dlsym(handle, "C_GetInterface"));
    std::string copy = name != nullptr ? name : "";
    CK_INTERFACE* found = nullptr;
    code = get(name != nullptr ? reinterpret_cast<unsigned char*>(copy.data()) : nullptr, version ? &*version : nullptr,
               &found, flags);
    return found;
}

CK_FUNCTION_LIST_3_0& module3() {
    CK_RV code = CKR_OK;
    CK_INTERFACE* found = interface_of("PKCS 11", CK_VERSION{3, 0}, 0, code);
    if (code != CKR_OK) throw std::runtime_error("no interface 3.0");
    return *static_cast<CK_FUNCTION_LIST_3_0*>(found->pFunctionList);
}

TEST_F(BareInterfaceTest, ListHasBothVersionsBeforeAnythingIsInitialised) {
    auto& f = module3();
    CK_ULONG count = 0;
    ASSERT_EQ(f.C_GetInterfaceList(nullptr, &count), CKR_OK);
    ASSERT_EQ(count, 2U);
    CK_INTERFACE list[2];
    CK_ULONG few = 1;
    EXPECT_EQ(f.C_GetInterfaceList(list, &few), CKR_BUFFER_TOO_SMALL);
    EXPECT_EQ(few, 2U);
    ASSERT_EQ(f.C_GetInterfaceList(list, &count), CKR_OK);
    EXPECT_EQ(f.C_GetInterfaceList(list, nullptr), CKR_ARGUMENTS_BAD);
    const int majors[] = {3, 2};
    for (int i = 0; i < 2; ++i) {
        EXPECT_STREQ(reinterpret_cast<char*>(list[i].pInterfaceName), "PKCS 11");
        EXPECT_EQ(static_cast<CK_FUNCTION_LIST*>(list[i].pFunctionList)->version.major, majors[i]);
        EXPECT_EQ(list[i].flags, 0U);
    }
}

TEST_F(BareInterfaceTest, AskedAsNssDoes) {
    CK_RV code = CKR_OK;
    // A child of fork begins anew, so this isn't promised; then without; then a vendor's.
    EXPECT_EQ(interface_of("PKCS 11", std::nullopt, CKF_INTERFACE_FORK_SAFE, code), nullptr);
    EXPECT_EQ(code, CKR_ARGUMENTS_BAD);
    CK_INTERFACE* found = interface_of("PKCS 11", std::nullopt, 0, code);
    ASSERT_EQ(code, CKR_OK);
    EXPECT_EQ(static_cast<CK_VERSION*>(found->pFunctionList)->major, 3);
    interface_of("Vendor NSS Module Interface", std::nullopt, 0, code);
    EXPECT_EQ(code, CKR_ARGUMENTS_BAD);
}

TEST_F(BareInterfaceTest, AskedByNameAndVersionThatAreAndAreNot) {
    CK_RV code = CKR_OK;
    EXPECT_EQ(interface_of("PKCS 11", CK_VERSION{2, 40}, 0, code)->pFunctionList, &p11_);
    EXPECT_EQ(interface_of(nullptr, CK_VERSION{2, 40}, 0, code)->pFunctionList, &p11_);
    EXPECT_EQ(static_cast<CK_VERSION*>(interface_of(nullptr, std::nullopt, 0, code)->pFunctionList)->major, 3);
    for (const CK_VERSION none : {CK_VERSION{2, 20}, CK_VERSION{3, 1}, CK_VERSION{0, 0}}) {
        EXPECT_EQ(interface_of("PKCS 11", none, 0, code), nullptr);
        EXPECT_EQ(code, CKR_ARGUMENTS_BAD);
    }
    EXPECT_EQ(interface_of("PKCS 1", std::nullopt, 0, code), nullptr);
    EXPECT_EQ(interface_of("PKCS 11 ", std::nullopt, 0, code), nullptr);
    EXPECT_EQ(interface_of("PKCS 11", std::nullopt, ~0UL, code), nullptr);
    EXPECT_EQ(module3().C_GetInterface(nullptr, nullptr, nullptr, 0), CKR_ARGUMENTS_BAD);
}

TEST_F(BareInterfaceTest, EveryFunctionOfThreeStandsInTheListAndSaysThatTheLibraryIsNotInitialised) {
    auto& f = module3();
#define SEALKEY_THERE(name) EXPECT_NE(reinterpret_cast<void*>(f.name), nullptr) << #name;
    SEALKEY_FUNCTIONS_2_40(SEALKEY_THERE)
    SEALKEY_FUNCTIONS_3_0(SEALKEY_THERE)
#undef SEALKEY_THERE
    for (const auto& [name, code] : call_messages(module3(), 1)) EXPECT_EQ(code, CKR_CRYPTOKI_NOT_INITIALIZED) << name;
    unsigned char pin[6] = {};
    EXPECT_EQ(f.C_LoginUser(1, CKU_USER, pin, 6, nullptr, 0), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(f.C_SessionCancel(1, CKF_SIGN), CKR_CRYPTOKI_NOT_INITIALIZED);
}

TEST_F(InterfaceTest, EachListTellsItsOwnVersion) {
    CK_INFO info{};
    ASSERT_EQ(p11_.C_GetInfo(&info), CKR_OK);
    EXPECT_EQ(info.cryptokiVersion.major, 2);
    EXPECT_EQ(info.cryptokiVersion.minor, 40);
    ASSERT_EQ(module3().C_GetInfo(&info), CKR_OK);
    EXPECT_EQ(info.cryptokiVersion.major, 3);
    EXPECT_EQ(info.cryptokiVersion.minor, 0);
    EXPECT_EQ(module3().C_GetInfo(nullptr), CKR_ARGUMENTS_BAD);
}

TEST_F(InterfaceTest, MessageFunctionsSayThatTheyAreNotThere) {
    for (const auto& [name, code] : call_messages(module3(), 77)) EXPECT_EQ(code, CKR_SESSION_HANDLE_INVALID) << name;
    for (const auto& [name, code] : call_messages(module3(), open()))
        EXPECT_EQ(code, CKR_FUNCTION_NOT_SUPPORTED) << name;
    EXPECT_EQ(module3().C_MessageSignInit(open(), nullptr, 1), CKR_ARGUMENTS_BAD);
}

TEST_F(InterfaceTest, NamedUserCostsNoTryAndTheNamelessLogsIn) {
    auto& f = module3();
    const auto session = open();
    std::string pin = kPin;
    auto* p = reinterpret_cast<unsigned char*>(pin.data());
    unsigned char name[5] = {'c', 'l', 'e', 'r', 'k'};
    EXPECT_EQ(f.C_LoginUser(session, CKU_USER, p, 6, name, 5), CKR_USER_TYPE_INVALID);
    EXPECT_EQ(f.C_LoginUser(session, CKU_USER, p, 6, nullptr, 5), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(f.C_LoginUser(session, CKU_USER, nullptr, 6, nullptr, 0), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(f.C_LoginUser(77, CKU_USER, p, 6, nullptr, 0), CKR_SESSION_HANDLE_INVALID);
    EXPECT_EQ(key_.verifications(start_), 0U);
    EXPECT_EQ(f.C_LoginUser(session, CKU_USER, p, 6, nullptr, 0), CKR_OK);
    EXPECT_EQ(f.C_LoginUser(session, CKU_USER, p, 6, nullptr, 0), CKR_USER_ALREADY_LOGGED_IN);
    EXPECT_EQ(key_.verifications(start_), 1U);
}

TEST_F(InterfaceTest, SessionCancelEndsWhatItNamesAndNothingElse) {
    auto& f = module3();
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    CK_MECHANISM hash = of(CKM_SHA256);
    CK_MECHANISM how = of(CKM_SHA256_RSA_PKCS);
    const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
    ASSERT_EQ(p11_.C_DigestInit(session, &hash), CKR_OK);
    ASSERT_EQ(p11_.C_SignInit(session, &how, key), CKR_OK);
    ASSERT_EQ(p11_.C_FindObjectsInit(session, nullptr, 0), CKR_OK);
    ASSERT_EQ(f.C_SessionCancel(session, CKF_DIGEST), CKR_OK);
    unsigned char b[256] = {};
    CK_ULONG length = sizeof(b);
    EXPECT_EQ(p11_.C_DigestFinal(session, b, &length), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_SignUpdate(session, b, 1), CKR_OK);
    EXPECT_EQ(f.C_SessionCancel(session, CKF_SIGN | CKF_FIND_OBJECTS | CKF_VERIFY), CKR_OK);
    EXPECT_EQ(p11_.C_SignUpdate(session, b, 1), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(f.C_SessionCancel(77, CKF_SIGN), CKR_SESSION_HANDLE_INVALID);
    EXPECT_EQ(f.C_SessionCancel(session, ~0UL), CKR_OK);
}

TEST_F(InterfaceTest, Lesson24_SessionCancelGivesUpTheCardThatAContextLoginHolds) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    CK_MECHANISM how = of(CKM_SHA256_RSA_PKCS);
    ASSERT_EQ(p11_.C_SignInit(session, &how, object(session, CKO_PRIVATE_KEY, kSignature)), CKR_OK);
    ASSERT_EQ(login(session, kPin, CKU_CONTEXT_SPECIFIC), CKR_OK);
    ASSERT_EQ(module3().C_SessionCancel(session, CKF_SIGN), CKR_OK);
    // Another client gets in at once, and finds nothing that the PIN has opened.
    EXPECT_FALSE(key_.signs_without_pin());
}

}  // namespace
}  // namespace sealkey::test
