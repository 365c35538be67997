// Start, end, fork, threads, removal: what happens to the module rather than with it.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>

#include "foreign_card.h"
#include "module.h"
#include "test_clock.h"

namespace sealkey::test {
namespace {

using LifeTest = PersonalisedModuleTest;
using BareTest = ModuleTest;

// Runs a check in a forked child; its answer is the exit code.
template <class Check>
int in_child(Check check) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(check());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(LifeTest, Lesson25_ChildMustInitialiseAgainAndTheParentsLoginIsUntouched) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
    const std::size_t before = key_.apdus();
    EXPECT_EQ(in_child([&] {
                  CK_SESSION_INFO info{};
                  CK_ULONG count = 0;
                  if (p11_.C_GetSessionInfo(session, &info) != CKR_CRYPTOKI_NOT_INITIALIZED) return 1;
                  if (p11_.C_GetSlotList(CK_FALSE, nullptr, &count) != CKR_CRYPTOKI_NOT_INITIALIZED) return 2;
                  if (p11_.C_Finalize(nullptr) != CKR_CRYPTOKI_NOT_INITIALIZED) return 3;
                  if (p11_.C_Initialize(nullptr) != CKR_OK) return 4;
                  if (p11_.C_GetSessionInfo(session, &info) != CKR_SESSION_HANDLE_INVALID) return 5;
                  if (p11_.C_GetSlotList(CK_TRUE, nullptr, &count) != CKR_OK || count != 1) return 6;
                  return p11_.C_Finalize(nullptr) == CKR_OK ? 0 : 7;
              }),
              0);
    EXPECT_EQ(key_.apdus(), before);
    EXPECT_TRUE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage));
    EXPECT_EQ(key_.verifications(start_), 1U);
}

TEST_F(LifeTest, ProgramThatAsksForTheListAloneSeesTheKeyGoAndCome) {
    const auto with_token = [&] {
        CK_SLOT_ID slots[8];
        CK_ULONG count = 8;
        EXPECT_EQ(p11_.C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
        return count;
    };
    EXPECT_EQ(with_token(), 1U);
    key_.unplug();
    EXPECT_EQ(with_token(), 0U);
    key_.plug();
    EXPECT_EQ(with_token(), 1U);
    // After the question for the number, it is the list of that moment once.
    CK_ULONG count = 0;
    ASSERT_EQ(p11_.C_GetSlotList(CK_TRUE, nullptr, &count), CKR_OK);
    key_.unplug();
    EXPECT_EQ(with_token(), count);
    EXPECT_EQ(with_token(), 0U);
}

TEST_F(LifeTest, Lesson25_ForkWhileAnotherThreadIsInACallLeavesTheChildUsable) {
    std::atomic<bool> stop{false};
    const auto session = open();
    std::thread busy([&] {
        CK_SESSION_INFO info{};
        while (!stop) p11_.C_GetSessionInfo(session, &info);
    });
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(in_child([&] {
                      ::alarm(20);
                      return p11_.C_Initialize(nullptr) == CKR_OK && p11_.C_Finalize(nullptr) == CKR_OK ? 0 : 1;
                  }),
                  0);
    }
    stop = true;
    busy.join();
}

// A reader that is there and says nothing: whoever looks at it is held up for seconds.
class SilentReader {
public:
    explicit SilentReader(const std::string& path) : listener_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        const sockaddr_un address = address_of(path);
        EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
        EXPECT_EQ(::listen(listener_, 1), 0);
    }
    ~SilentReader() {
        ::close(listener_);
        ::close(client_);
    }
    SilentReader(const SilentReader&) = delete;
    SilentReader& operator=(const SilentReader&) = delete;
    void wait_for_a_look() { client_ = ::accept(listener_, nullptr, nullptr); }

private:
    int listener_;
    int client_ = -1;
};

TEST_F(LifeTest, Lesson25_ForkWhileAnotherThreadInitialisesForTheFirstTimeLeavesTheChildUsable) {
    // A second copy of the module, which nobody in this process has initialised.
    const std::string copy = key_.socket_path() + ".so";
    std::filesystem::copy_file(SEALKEY_MODULE, copy);
    void* handle = ::dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle, nullptr) << ::dlerror();
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(handle, "C_GetFunctionList"));
    CK_FUNCTION_LIST* fresh = nullptr;
    ASSERT_EQ(get(&fresh), CKR_OK);
    std::thread first;
    {
        SilentReader silent(key_.socket_path() + ".silent");
        ::setenv("SEALKEY_SIM_SOCKETS", (key_.socket_path() + ".silent").c_str(), 1);
        first = std::thread([&] { EXPECT_EQ(fresh->C_Initialize(nullptr), CKR_OK); });
        silent.wait_for_a_look();
        EXPECT_EQ(in_child([&] {
                      ::alarm(20);
                      ::setenv("SEALKEY_SIM_SOCKETS", key_.socket_path().c_str(), 1);
                      return fresh->C_Initialize(nullptr) == CKR_OK && fresh->C_Finalize(nullptr) == CKR_OK ? 0 : 1;
                  }),
                  0);
    }
    first.join();
    ::setenv("SEALKEY_SIM_SOCKETS", key_.socket_path().c_str(), 1);
    EXPECT_EQ(fresh->C_Finalize(nullptr), CKR_OK);
}

// Several threads, each with a session of its own, sign and read at once.
void sign_in_threads(CK_FUNCTION_LIST& p11, CK_OBJECT_HANDLE key) {
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            CK_SESSION_HANDLE session = 0;
            if (p11.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session) != CKR_OK) return;
            for (int i = 0; i < 5; ++i) {
                CK_MECHANISM mechanism = of(CKM_ECDSA_SHA256);
                unsigned char out[64];
                CK_ULONG length = sizeof(out);
                ByteVector message(20, static_cast<std::uint8_t>(i));
                if (p11.C_SignInit(session, &mechanism, key) != CKR_OK) return;
                if (p11.C_Sign(session, message.data(), message.size(), out, &length) != CKR_OK) return;
                if (ecdsa_verifies(ec_key(), "SHA256", message, {out, length})) ++good;
            }
            p11.C_CloseSession(session);
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 20);
}

TEST_F(LifeTest, Lesson26_ThreadsWithOsLockingSignOnOneToken) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    sign_in_threads(p11_, object(session, CKO_PRIVATE_KEY, kFormer));
}

std::atomic<int> mutexes_alive{0};
std::atomic<int> mutex_uses{0};
std::atomic<int> mutex_ends{0};
std::atomic<bool> mutexes_fail{false};
struct ApplicationMutex {
    std::mutex mutex;
    std::atomic<bool> held{false};
};
CK_RV create_mutex(void** mutex) {
    ++mutexes_alive;
    *mutex = new ApplicationMutex;
    return CKR_OK;
}
CK_RV destroy_mutex(void* mutex) {
    --mutexes_alive;
    delete static_cast<ApplicationMutex*>(mutex);
    return CKR_OK;
}
CK_RV lock_mutex(void* mutex) {
    ++mutex_uses;
    if (mutexes_fail) return CKR_GENERAL_ERROR;
    auto& own = *static_cast<ApplicationMutex*>(mutex);
    own.mutex.lock();
    own.held = true;
    return CKR_OK;
}
CK_RV unlock_mutex(void* mutex) {
    ++mutex_ends;
    mutex_ends.notify_all();
    auto& own = *static_cast<ApplicationMutex*>(mutex);
    if (!own.held.exchange(false)) return CKR_MUTEX_NOT_LOCKED;
    own.mutex.unlock();
    return CKR_OK;
}

TEST_F(BareTest, Lesson26_ThreadsWithTheApplicationsMutexes) {
    key_.personalise();
    CK_C_INITIALIZE_ARGS arguments{create_mutex, destroy_mutex, lock_mutex, unlock_mutex, 0, nullptr};
    ASSERT_EQ(p11_.C_Initialize(&arguments), CKR_OK);
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    sign_in_threads(p11_, object(session, CKO_PRIVATE_KEY, kFormer));
    EXPECT_GT(mutex_uses, 40);
    EXPECT_EQ(p11_.C_Finalize(nullptr), CKR_OK);
    EXPECT_EQ(mutexes_alive, 0);
}

TEST_F(BareTest, Lesson26_MutexOfTheApplicationThatFailsEndsNoProgram) {
    CK_C_INITIALIZE_ARGS arguments{create_mutex, destroy_mutex, lock_mutex, unlock_mutex, 0, nullptr};
    ASSERT_EQ(p11_.C_Initialize(&arguments), CKR_OK);
    mutexes_fail = true;
    CK_INFO info{};
    EXPECT_NE(p11_.C_GetInfo(&info), CKR_OK);
    EXPECT_EQ(p11_.C_Finalize(nullptr), CKR_OK);
    mutexes_fail = false;
    EXPECT_EQ(p11_.C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(mutexes_alive, 0);

    ASSERT_EQ(p11_.C_Initialize(&arguments), CKR_OK);
    CK_SLOT_ID slot = 99;
    const int before = mutex_ends;
    auto waiter = std::async(std::launch::async, [&] { return p11_.C_WaitForSlotEvent(0, &slot, nullptr); });
    mutex_ends.wait(before);  // it has given the lock up to wait
    mutexes_fail = true;
    key_.unplug();
    ASSERT_EQ(waiter.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    mutexes_fail = false;
    EXPECT_EQ(waiter.get(), CKR_OK);
    EXPECT_EQ(slot, 0U);
    EXPECT_EQ(p11_.C_Finalize(nullptr), CKR_OK);
    EXPECT_EQ(mutexes_alive, 0);
}

TEST_F(BareTest, Lesson26_HalfASetOfMutexFunctionsIsRefused) {
    CK_C_INITIALIZE_ARGS arguments{create_mutex, nullptr, lock_mutex, unlock_mutex, 0, nullptr};
    EXPECT_EQ(p11_.C_Initialize(&arguments), CKR_ARGUMENTS_BAD);
    CK_C_INITIALIZE_ARGS reserved{};
    reserved.pReserved = &reserved;
    EXPECT_EQ(p11_.C_Initialize(&reserved), CKR_ARGUMENTS_BAD);
    CK_INFO info{};
    EXPECT_EQ(p11_.C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
}

TEST_F(LifeTest, Lesson27_RemovalClosesSessionsAndAnotherInsertionIsANewToken) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
    key_.unplug();
    CK_SLOT_INFO slot{};
    ASSERT_EQ(p11_.C_GetSlotInfo(0, &slot), CKR_OK);
    EXPECT_EQ(slot.flags & CKF_TOKEN_PRESENT, 0U);
    CK_TOKEN_INFO token{};
    EXPECT_EQ(p11_.C_GetTokenInfo(0, &token), CKR_TOKEN_NOT_PRESENT);
    CK_SESSION_INFO info{};
    EXPECT_EQ(p11_.C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    key_.plug();
    EXPECT_EQ(p11_.C_GetTokenInfo(0, &token), CKR_OK);
    EXPECT_EQ(p11_.C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
    const auto again = open();
    EXPECT_EQ(object(again, CKO_PRIVATE_KEY, kLogin), CK_INVALID_HANDLE);  // logged out
    ASSERT_EQ(login(again, kPin), CKR_OK);
    EXPECT_EQ(attribute_code(again, key, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    EXPECT_TRUE(sign(again, of(CKM_SHA256_RSA_PKCS), object(again, CKO_PRIVATE_KEY, kLogin), kMessage));
}

TEST_F(LifeTest, Lesson27_QuickReplugBetweenTwoCallsIsNotTheOldToken) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    key_.unplug();
    key_.plug();
    CK_SESSION_INFO info{};
    EXPECT_EQ(p11_.C_GetSessionInfo(session, &info), CKR_SESSION_HANDLE_INVALID);
}

TEST_F(LifeTest, Lesson27_RemovalInMidOperationIsDeviceRemoved) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    CK_MECHANISM mechanism = of(CKM_SHA256_RSA_PKCS);
    ASSERT_EQ(p11_.C_SignInit(session, &mechanism, object(session, CKO_PRIVATE_KEY, kLogin)), CKR_OK);
    key_.unplug();
    unsigned char out[256];
    CK_ULONG length = sizeof(out);
    EXPECT_EQ(p11_.C_Sign(session, const_cast<unsigned char*>(kMessage.data()), kMessage.size(), out, &length),
              CKR_DEVICE_REMOVED);
}

TEST_F(LifeTest, CallsOfOneMomentShareALookAtTheReaders) {
    using std::chrono::milliseconds;
    const auto present = [&] {
        CK_SLOT_INFO slot{};
        EXPECT_EQ(p11_.C_GetSlotInfo(0, &slot), CKR_OK);
        return (slot.flags & CKF_TOKEN_PRESENT) != 0;
    };
    constexpr milliseconds kMoment{20};
    constexpr milliseconds kBack{-60'000};  // however slow this machine is, the moment isn't over
    move_clock(kMoment);
    EXPECT_TRUE(present());
    move_clock(kBack);
    key_.control("remove");
    key_.control("status");
    EXPECT_TRUE(present());
    CK_SLOT_ID slot = 99;
    EXPECT_EQ(p11_.C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr), CKR_OK) << "a question for events looks always";
    EXPECT_FALSE(present());
    move_clock(kBack);
    key_.control("insert");
    EXPECT_FALSE(present());
    move_clock(kMoment - 2 * kBack);
    EXPECT_TRUE(present());
}

TEST_F(LifeTest, Lesson27_WaitForSlotEventWithoutBlockingTellsEachChangeOnce) {
    CK_SLOT_ID slot = 99;
    EXPECT_EQ(p11_.C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr), CKR_NO_EVENT);
    key_.unplug();
    EXPECT_EQ(p11_.C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr), CKR_OK);
    EXPECT_EQ(slot, 0U);
    EXPECT_EQ(p11_.C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr), CKR_NO_EVENT);
    key_.plug();
    EXPECT_EQ(p11_.C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr), CKR_OK);
    EXPECT_EQ(p11_.C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, nullptr), CKR_NO_EVENT);
    EXPECT_EQ(p11_.C_WaitForSlotEvent(CKF_DONT_BLOCK, nullptr, nullptr), CKR_ARGUMENTS_BAD);
}

TEST_F(LifeTest, Lesson27_BlockedWaitWakesAtRemovalWhileOthersWork) {
    CK_SLOT_ID slot = 99;
    auto waiter = std::async(std::launch::async, [&] { return p11_.C_WaitForSlotEvent(0, &slot, nullptr); });
    const auto session = open();  // the wait holds nobody up
    EXPECT_EQ(login(session, kPin), CKR_OK);
    key_.unplug();
    ASSERT_EQ(waiter.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    EXPECT_EQ(waiter.get(), CKR_OK);
    EXPECT_EQ(slot, 0U);
}

TEST_F(LifeTest, Lesson27_FinalizeEndsABlockedWait) {
    CK_SLOT_ID slot = 99;
    auto waiter = std::async(std::launch::async, [&] { return p11_.C_WaitForSlotEvent(0, &slot, nullptr); });
    CK_INFO info{};
    ASSERT_EQ(p11_.C_GetInfo(&info), CKR_OK);
    ASSERT_EQ(p11_.C_Finalize(nullptr), CKR_OK);
    ASSERT_EQ(waiter.wait_for(std::chrono::seconds(20)), std::future_status::ready);
    EXPECT_EQ(waiter.get(), CKR_CRYPTOKI_NOT_INITIALIZED);
    CK_C_INITIALIZE_ARGS arguments{};
    EXPECT_EQ(p11_.C_Initialize(&arguments), CKR_OK);
}

TEST_F(LifeTest, Lesson29_CallsAfterEverythingElseHasGoneAreAnswered) {
    // exit() runs destructors and atexit functions; the last of them still calls in, with a session open and a login.
    EXPECT_EQ(in_child([&] {
                  static CK_FUNCTION_LIST& list = p11_;
                  static CK_SESSION_HANDLE session = 0;
                  ::alarm(30);
                  ::atexit([] {
                      CK_SESSION_INFO info{};
                      const bool good = list.C_GetSessionInfo(session, &info) == CKR_OK &&
                                        list.C_Finalize(nullptr) == CKR_OK &&
                                        list.C_GetSessionInfo(session, &info) == CKR_CRYPTOKI_NOT_INITIALIZED;
                      ::_exit(good ? 42 : 1);
                  });
                  if (list.C_Initialize(nullptr) != CKR_OK) return 2;
                  if (list.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session) != CKR_OK) return 3;
                  std::string pin = kPin;
                  if (list.C_Login(session, CKU_USER, reinterpret_cast<unsigned char*>(pin.data()), pin.size()) != 0) {
                      return 4;
                  }
                  std::exit(5);
              }),
              42);
}

TEST_F(BareTest, ForeignCardIsNotRecognisedWithinTwoCommandsAndNotAskedAgain) {
    for (const std::uint16_t word : {0x6A82, 0x6D00, 0x9000, 0x6982}) {
        SCOPED_TRACE(word);
        ForeignCard card(word);
        ::setenv("SEALKEY_SIM_SOCKETS", (card.path() + ":" + key_.socket_path()).c_str(), 1);
        ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
        CK_TOKEN_INFO info{};
        CK_SESSION_HANDLE session = 0;
        CK_ULONG count = 0;
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(p11_.C_GetTokenInfo(0, &info), CKR_TOKEN_NOT_RECOGNIZED);
            EXPECT_EQ(p11_.C_GetMechanismList(0, nullptr, &count), CKR_TOKEN_NOT_RECOGNIZED);
            EXPECT_EQ(p11_.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_TOKEN_NOT_RECOGNIZED);
        }
        EXPECT_LE(card.commands(), 2);
        // Ours, in the next slot, is none the worse.
        EXPECT_EQ(p11_.C_GetTokenInfo(1, &info), CKR_OK);
        EXPECT_EQ(p11_.C_Finalize(nullptr), CKR_OK);
    }
}

TEST_F(BareTest, Lesson29_ModuleStaysMappedAfterDlclose) {
    void* handle = ::dlopen(SEALKEY_MODULE, RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle, nullptr);
    ::dlclose(handle);
    ::dlclose(handle);  // ours and the fixture's
    CK_INFO info{};
    EXPECT_EQ(p11_.C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_NE(::dlopen(SEALKEY_MODULE, RTLD_NOW | RTLD_NOLOAD), nullptr);
}

TEST_F(BareTest, Lesson29_ModuleShowsNothingButItsFunctionsAndNeedsNoOpenSsl) {
    // The table of dynamic symbols, by readelf's own words.
    const auto run = [](const std::string& command) {
        std::string out;
        FILE* pipe = ::popen(command.c_str(), "r");
        char part[4096];
        while (pipe != nullptr && std::fgets(part, sizeof(part), pipe) != nullptr) out += part;
        if (pipe != nullptr) ::pclose(pipe);
        return out;
    };
    const std::string module = SEALKEY_MODULE;
    const std::string needed = run("readelf -d " + module + " | grep -E 'NEEDED|FLAGS_1'");
    EXPECT_NE(needed.find("libpcsclite"), std::string::npos) << needed;
    EXPECT_NE(needed.find("NODELETE"), std::string::npos) << needed;
    EXPECT_EQ(needed.find("ssl"), std::string::npos) << needed;
    EXPECT_EQ(needed.find("crypto"), std::string::npos) << needed;
    EXPECT_EQ(run("nm -D --defined-only " + module + " | awk '{print $3}' | grep -v '^C_'"), "");
    EXPECT_EQ(run("nm -D --defined-only " + module + " | grep -c ' T C_'"), "92\n");
    // No thread of its own, no program started.
    EXPECT_EQ(run("nm -D --undefined-only " + module + " | grep -E 'pthread_create|fork|exec|posix_spawn|atexit$'"),
              "");
}

}  // namespace
}  // namespace sealkey::test
