// What other programs, other threads and other tokens do to a program that is in the middle of something.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "module.h"

namespace sealkey::test {
namespace {

using CompanyTest = PersonalisedModuleTest;
using BareCompanyTest = ModuleTest;

constexpr char kOtherPin[] = "264817";

TEST_F(CompanyTest, PinChangedByAnotherProgramWhileLoggedInCostsNoTry) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
    key_.client()->change_pin(text(kPin), text(kOtherPin));
    const std::size_t before = key_.apdus();
    // The token knows its user still: whoever changed the PIN knew it.
    EXPECT_TRUE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage));
    EXPECT_EQ(key_.verifications(before), 0U);
    ASSERT_EQ(p11_.C_Logout(session), CKR_OK);
    EXPECT_EQ(login(session, kPin), CKR_PIN_INCORRECT);
    EXPECT_EQ(key_.verifications(before), 1U);
    EXPECT_EQ(login(session, kOtherPin), CKR_OK);
    EXPECT_TRUE(sign(session, of(CKM_SHA256_RSA_PKCS), object(session, CKO_PRIVATE_KEY, kLogin), kMessage));
}

TEST_F(CompanyTest, Lesson24_WrongPinInAnotherProgramEndsTheLoginAndIsToldOnce) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
    EXPECT_THROW(key_.client()->verify(text("999999")), std::exception);
    const std::size_t before = key_.apdus();
    CK_RV code = CKR_OK;
    EXPECT_FALSE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage, &code));
    EXPECT_EQ(code, CKR_USER_NOT_LOGGED_IN);
    EXPECT_EQ(key_.verifications(before), 0U);  // nobody's PIN is sent again
    EXPECT_EQ(login(session, kPin), CKR_OK);
    EXPECT_TRUE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage));
}

TEST_F(CompanyTest, Lesson23_KeyLockedByAnotherProgramIsLockedHereToo) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
    const auto other = key_.client();
    while (!other->token_status().pin.blocked) EXPECT_THROW(other->verify(text("999999")), std::exception);
    const std::size_t before = key_.apdus();
    CK_RV code = CKR_OK;
    EXPECT_FALSE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage, &code));
    EXPECT_EQ(code, CKR_USER_NOT_LOGGED_IN);
    EXPECT_EQ(login(session, kPin), CKR_PIN_LOCKED);
    EXPECT_EQ(key_.verifications(before), 1U);
    EXPECT_NE(token_flags() & CKF_USER_PIN_LOCKED, 0U);
    // What needs no PIN goes on.
    EXPECT_FALSE(attribute(session, object(session, CKO_CERTIFICATE, kSignature), CKA_VALUE)->empty());
    EXPECT_TRUE(sign(session, of(CKM_ECDSA_SHA256), object(session, CKO_PRIVATE_KEY, kDevice), kMessage));
}

TEST_F(CompanyTest, Lesson27_RemovalBetweenThePartsOfASignature) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    CK_MECHANISM mechanism = of(CKM_SHA256_RSA_PKCS);
    ASSERT_EQ(p11_.C_SignInit(session, &mechanism, object(session, CKO_PRIVATE_KEY, kLogin)), CKR_OK);
    auto* data = const_cast<unsigned char*>(kMessage.data());
    ASSERT_EQ(p11_.C_SignUpdate(session, data, kMessage.size()), CKR_OK);
    key_.unplug();
    EXPECT_EQ(p11_.C_SignUpdate(session, data, kMessage.size()), CKR_OK);  // hashed on the host
    unsigned char out[256];
    CK_ULONG length = sizeof(out);
    EXPECT_EQ(p11_.C_SignFinal(session, out, &length), CKR_DEVICE_REMOVED);
    // Back in the reader, it is another token: nothing of the old session lives.
    key_.plug();
    CK_SLOT_INFO slot{};
    ASSERT_EQ(p11_.C_GetSlotInfo(0, &slot), CKR_OK);
    EXPECT_EQ(p11_.C_SignFinal(session, out, &length), CKR_SESSION_HANDLE_INVALID);
}

TEST_F(CompanyTest, Lesson27_RemovalInTheMiddleOfAFind) {
    const auto session = open();
    ASSERT_EQ(p11_.C_FindObjectsInit(session, nullptr, 0), CKR_OK);
    CK_OBJECT_HANDLE one = 0;
    CK_ULONG count = 0;
    ASSERT_EQ(p11_.C_FindObjects(session, &one, 1, &count), CKR_OK);
    ASSERT_EQ(count, 1U);
    key_.unplug();
    // What was found is told from memory, or the session has gone: nothing else.
    const CK_RV code = p11_.C_FindObjects(session, &one, 1, &count);
    EXPECT_TRUE(code == CKR_OK || code == CKR_DEVICE_REMOVED) << code;
    CK_SLOT_INFO slot{};
    ASSERT_EQ(p11_.C_GetSlotInfo(0, &slot), CKR_OK);
    EXPECT_EQ(p11_.C_FindObjects(session, &one, 1, &count), CKR_SESSION_HANDLE_INVALID);
    EXPECT_EQ(p11_.C_FindObjectsFinal(session), CKR_SESSION_HANDLE_INVALID);
}

TEST_F(CompanyTest, Lesson25_ForkWhileAnotherThreadWaitsForAnEvent) {
    CK_SLOT_ID slot = 99;
    auto waiter = std::async(std::launch::async, [&] { return p11_.C_WaitForSlotEvent(0, &slot, nullptr); });
    for (int i = 0; i < 10; ++i) {
        const pid_t child = ::fork();
        if (child == 0) {
            ::alarm(20);
            CK_SLOT_ID own = 0;
            CK_ULONG count = 0;
            if (p11_.C_WaitForSlotEvent(CKF_DONT_BLOCK, &own, nullptr) != CKR_CRYPTOKI_NOT_INITIALIZED) ::_exit(1);
            if (p11_.C_Initialize(nullptr) != CKR_OK) ::_exit(2);
            if (p11_.C_GetSlotList(CK_TRUE, nullptr, &count) != CKR_OK || count != 1) ::_exit(3);
            if (p11_.C_WaitForSlotEvent(CKF_DONT_BLOCK, &own, nullptr) != CKR_NO_EVENT) ::_exit(4);
            ::_exit(p11_.C_Finalize(nullptr) == CKR_OK ? 0 : 5);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    }
    key_.unplug();  // the parent's wait is what it was
    ASSERT_EQ(waiter.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    EXPECT_EQ(waiter.get(), CKR_OK);
    EXPECT_EQ(slot, 0U);
}

// A program of its own that ends with a session and a login, having closed the module before or not.
int end_with_a_login(CK_FUNCTION_LIST& p11, bool close_first) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(30);
        CK_SESSION_HANDLE session = 0;
        std::string pin = kPin;
        if (p11.C_Initialize(nullptr) != CKR_OK) ::_exit(1);
        if (p11.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session) != CKR_OK) ::_exit(2);
        auto* bytes = reinterpret_cast<unsigned char*>(pin.data());
        if (p11.C_Login(session, CKU_USER, bytes, pin.size()) != CKR_OK) ::_exit(3);
        if (close_first) {
            void* again = ::dlopen(SEALKEY_MODULE, RTLD_NOW | RTLD_NOLOAD);
            if (again == nullptr || ::dlclose(again) != 0 || ::dlclose(again) != 0) ::_exit(4);
        }
        std::exit(42);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_F(BareCompanyTest, Lesson29_NothingIsSentAtExitAndTheOtherProgramsLoginLivesOn) {
    key_.personalise();
    for (const bool close_first : {false, true}) {
        const std::size_t before = key_.apdus();
        EXPECT_EQ(end_with_a_login(p11_, close_first), 42);
        // The status for the slot, and the PIN: no logout, no reset at the end.
        const auto commands = key_.commands(before);
        ASSERT_FALSE(commands.empty());
        EXPECT_EQ(commands.back(), "VERIFY");
        EXPECT_EQ(key_.verifications(before), 1U);
        EXPECT_TRUE(key_.client()->token_status().pin.verified);
    }
}

TEST_F(BareCompanyTest, SevenReadersEachWithItsOwnTokenAndLogin) {
    std::vector<std::unique_ptr<SimulatedKey>> keys(7);
    std::string sockets;
    for (auto& key : keys) {
        key = std::make_unique<SimulatedKey>();
        const auto client = key->client();
        key->authenticate(*client);
        static_cast<void>(client->generate(protocol::ref::authentication, protocol::Algorithm::p256));
        sockets += (sockets.empty() ? "" : ":") + key->socket_path();
    }
    ::setenv("SEALKEY_SIM_SOCKETS", sockets.c_str(), 1);
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    CK_SLOT_ID slots[16];
    CK_ULONG count = 16;
    ASSERT_EQ(p11_.C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    ASSERT_EQ(count, keys.size());
    std::vector<CK_SESSION_HANDLE> sessions;
    for (CK_ULONG i = 0; i < count; ++i) sessions.push_back(open(CKF_SERIAL_SESSION, slots[i]));
    // A login is one token's: the others still want theirs.
    for (std::size_t i = 0; i < sessions.size(); ++i) {
        for (std::size_t j = 0; j < sessions.size(); ++j) {
            EXPECT_EQ(object(sessions[j], CKO_PRIVATE_KEY, kLogin) != CK_INVALID_HANDLE, j < i) << i << ' ' << j;
        }
        ASSERT_EQ(login(sessions[i], kPin), CKR_OK);
    }
    keys[5]->unplug();
    CK_SLOT_INFO info{};
    for (CK_ULONG i = 0; i < count; ++i) {
        ASSERT_EQ(p11_.C_GetSlotInfo(slots[i], &info), CKR_OK);
        EXPECT_EQ((info.flags & CKF_TOKEN_PRESENT) != 0, i != 5);
        CK_SESSION_INFO session{};
        EXPECT_EQ(p11_.C_GetSessionInfo(sessions[i], &session), i == 5 ? CKR_SESSION_HANDLE_INVALID : CKR_OK);
        if (i == 5) continue;
        EXPECT_TRUE(sign(sessions[i], of(CKM_ECDSA_SHA256), object(sessions[i], CKO_PRIVATE_KEY, kLogin), kMessage));
    }
    count = 16;
    ASSERT_EQ(p11_.C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
    EXPECT_EQ(count, keys.size() - 1);
    EXPECT_EQ(p11_.C_Finalize(nullptr), CKR_OK);
}

}  // namespace
}  // namespace sealkey::test
