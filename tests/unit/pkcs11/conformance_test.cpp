// The module against the standard's lists of functions and return codes (conformance.h).
#include "conformance.h"

#include <algorithm>
#include <map>
#include <set>

#include "session_calls.h"

namespace sealkey::test::conformance {
namespace {

using Covered = std::set<std::pair<std::string_view, CK_RV>>;

std::vector<Row> all_rows() {
    std::vector<Row> all;
    for (auto&& some : {general_rows(), object_rows(), operation_rows(), key_rows(), failure_rows()}) {
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

std::string named(std::string_view function, CK_RV code) {
    char hex[32];
    std::snprintf(hex, sizeof(hex), " %lX", code);
    return std::string(function) + hex;
}

class ConformanceTest : public Scene {
public:
    void TestBody() override {}

protected:
    void provoke_rows(Covered& covered) {
        for (const Row& row : all_rows()) {
            SCOPED_TRACE(named(row.function, row.code));
            begin(row.state);
            EXPECT_EQ(row.call(*this), row.code);
            end();
            covered.insert({row.function, row.code});
        }
    }
    void expect_all(const Calls& calls, CK_RV code, Covered& covered) {
        for (const auto& [name, got] : calls) {
            EXPECT_EQ(got, code) << name;
            covered.insert({name, code});
        }
    }
    // Those of the library and its slots.
    Calls call_library() {
        CK_INFO info{};
        CK_SLOT_INFO slot{};
        CK_TOKEN_INFO of_token{};
        CK_MECHANISM_INFO mechanism{};
        CK_SLOT_ID id = 0;
        return {
            {"C_GetInfo", f.C_GetInfo(&info)},
            {"C_GetSlotList", f.C_GetSlotList(CK_FALSE, nullptr, &length)},
            {"C_GetSlotInfo", f.C_GetSlotInfo(0, &slot)},
            {"C_GetTokenInfo", f.C_GetTokenInfo(0, &of_token)},
            {"C_WaitForSlotEvent", f.C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, nullptr)},
            {"C_GetMechanismList", f.C_GetMechanismList(0, nullptr, &length)},
            {"C_GetMechanismInfo", f.C_GetMechanismInfo(0, CKM_ECDSA, &mechanism)},
            {"C_InitToken", f.C_InitToken(0, b, 8, b)},
            {"C_OpenSession", f.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &made)},
            {"C_CloseAllSessions", f.C_CloseAllSessions(0)},
        };
    }
    // The application's own mutex, when it can't be had: its word is given on, and nothing is done.
    void provoke_by_the_lock(Covered& covered) {
        static CK_RV word;
        word = CKR_OK;
        CK_C_INITIALIZE_ARGS arguments{};
        arguments.CreateMutex = [](void**) { return CK_RV{CKR_OK}; };
        arguments.DestroyMutex = [](void*) { return CK_RV{CKR_OK}; };
        arguments.LockMutex = [](void*) { return word; };
        arguments.UnlockMutex = [](void*) { return CK_RV{CKR_OK}; };
        ASSERT_EQ(f.C_Initialize(&arguments), CKR_OK);
        s = open();
        constexpr std::pair<CK_RV, CK_RV> kAnswers[] = {{CKR_GENERAL_ERROR, CKR_GENERAL_ERROR},
                                                        {CKR_MUTEX_BAD, CKR_GENERAL_ERROR},
                                                        {CKR_HOST_MEMORY, CKR_HOST_MEMORY}};
        for (const auto& [answer, code] : kAnswers) {
            word = answer;
            expect_all(call_library(), code, covered);
            expect_all(call_all_with_session(f, s), code, covered);
            expect_all(call_sessions_of_3_0(f, s), code, covered);
            expect_all(call_messages(f, s), code, covered);
        }
        word = CKR_OK;
        CK_SESSION_INFO info{};
        EXPECT_EQ(f.C_GetSessionInfo(s, &info), CKR_OK);
        end();
    }
    void provoke_in_every_function(Covered& covered) {
        const auto every = [&](CK_SESSION_HANDLE session, CK_RV code) {
            expect_all(call_all_with_session(f, session), code, covered);
            expect_all(call_sessions_of_3_0(f, session), code, covered);
            expect_all(call_messages(f, session), code, covered);
        };
        begin(State::stopped);
        every(1, CKR_CRYPTOKI_NOT_INITIALIZED);
        begin(State::open);
        every(123456, CKR_SESSION_HANDLE_INVALID);
        expect_all(call_messages(f, s), CKR_FUNCTION_NOT_SUPPORTED, covered);
        expect_all({{"C_MessageEncryptInit", f.C_MessageEncryptInit(s, nullptr, 0)},
                    {"C_MessageDecryptInit", f.C_MessageDecryptInit(s, nullptr, 0)},
                    {"C_MessageSignInit", f.C_MessageSignInit(s, nullptr, 0)},
                    {"C_MessageVerifyInit", f.C_MessageVerifyInit(s, nullptr, 0)}},
                   CKR_ARGUMENTS_BAD, covered);
        end();
    }
};

// The reason for a code that isn't provoked: the function's own, else the one for all; nullptr: there is none.
const Unprovoked* reason_for(std::string_view function, CK_RV code) {
    if (is_message_function(function)) {
        return &*std::find_if(unprovoked().begin(), unprovoked().end(),
                              [](const Unprovoked& one) { return one.function == kMessages; });
    }
    for (const std::string_view name : {function, std::string_view()}) {
        for (const Unprovoked& one : unprovoked()) {
            if (one.function == name && one.code == code) return &one;
        }
    }
    return nullptr;
}

TEST(ConformanceTable, HasEveryFunctionOfBothListsOnce) {
    std::multiset<std::string_view> in_lists;
#define SEALKEY_NAME(name) in_lists.insert(#name);
    SEALKEY_FUNCTIONS_2_40(SEALKEY_NAME)
    SEALKEY_FUNCTIONS_3_0(SEALKEY_NAME)
#undef SEALKEY_NAME
    std::multiset<std::string_view> in_table;
    for (const Standard& one : standard()) in_table.insert(one.function);
    EXPECT_EQ(in_table, in_lists);
    EXPECT_EQ(in_lists.size(), 68U + 24U);
}

TEST_F(ConformanceTest, EveryCodeOfEveryFunctionIsProvokedOrCannotBe) {
    Covered covered;
    provoke_rows(covered);
    provoke_in_every_function(covered);
    provoke_by_the_lock(covered);
    std::set<const Unprovoked*> used;
    Covered of_standard;
    for (const auto& [function, codes] : standard()) {
        for (const CK_RV code : codes) {
            of_standard.insert({function, code});
            if (covered.contains({function, code})) continue;
            const Unprovoked* reason = reason_for(function, code);
            EXPECT_NE(reason, nullptr) << named(function, code) << " is neither provoked nor explained";
            used.insert(reason);
        }
    }
    // The message functions have one reason for all that they don't answer: so what they do is counted.
    for (const auto& [function, codes] : standard()) {
        if (!is_message_function(function)) continue;
        std::set<CK_RV> given = {CKR_GENERAL_ERROR, CKR_HOST_MEMORY, CKR_CRYPTOKI_NOT_INITIALIZED,
                                 CKR_SESSION_HANDLE_INVALID, CKR_FUNCTION_NOT_SUPPORTED};
        if (function.ends_with("Init")) given.insert(CKR_ARGUMENTS_BAD);
        for (const CK_RV code : given) EXPECT_TRUE(covered.contains({function, code})) << named(function, code);
    }
    // Nothing is explained that can be provoked after all, and nothing is given that the standard doesn't know.
    for (const Unprovoked& one : unprovoked()) {
        EXPECT_TRUE(used.contains(&one)) << named(one.function, one.code) << ": " << one.reason;
    }
    for (const auto& [function, code] : covered) {
        const bool known =
            of_standard.contains({function, code}) ||
            std::any_of(beyond().begin(), beyond().end(), [&, name = function, is = code](const auto& one) {
                return one.function == name && one.code == is;
            });
        EXPECT_TRUE(known) << named(function, code);
    }
    for (const Unprovoked& one : beyond()) EXPECT_TRUE(covered.contains({one.function, one.code})) << one.reason;
}

}  // namespace
}  // namespace sealkey::test::conformance
