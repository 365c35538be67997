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
    for (auto&& some : {general_rows(), object_rows(), operation_rows(), key_rows()}) {
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
    for (const std::string_view name : {function, std::string_view()}) {
        for (const Unprovoked& one : unprovoked()) {
            if (one.function == name && one.code == code) return &one;
        }
    }
    return nullptr;
}

bool is_message_function(std::string_view function) { return function.find("Message") != std::string_view::npos; }

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
    std::set<const Unprovoked*> used;
    Covered of_standard;
    for (const auto& [function, codes] : standard()) {
        for (const CK_RV code : codes) {
            of_standard.insert({function, code});
            if (covered.contains({function, code})) continue;
            if (code == CKR_OK && is_message_function(function)) continue;  // nothing can be begun
            const Unprovoked* reason = reason_for(function, code);
            EXPECT_NE(reason, nullptr) << named(function, code) << " is neither provoked nor explained";
            used.insert(reason);
        }
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
