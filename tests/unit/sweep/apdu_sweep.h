// Power cuts through whole APDUs: one command is run with the power going in each of its flash operations, with every
// kind of tear, and again in each operation of the recovery that follows. What the token says afterwards, through its
// own commands, must be what it said before the command or what it says after it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "support/token_fixture.h"

namespace sealkey::testing {

// Tries left, as the token status tells.
struct Tries {
    int pin = 0;
    int puk = 0;
    int code = 0;
};
Tries tries_of(TestToken& token);

// All that the token tells of itself, without tries left and without what is random by design.
using Facts = std::vector<ByteVector>;
Facts facts_of(TestToken& token, bool with_guid = true);

struct Judged {
    TestToken& token;
    bool after;          // the facts are those after the command
    const Reply& reply;  // to the command that was cut; 6F00 or another error where the cut stopped it
    Tries before;        // before the command
    Tries now;
    ByteVector key_before;  // public key of 9A
    std::string where;
};

struct Case {
    const char* name;
    std::function<void(TestToken&)> set_up;    // once
    std::function<void(TestToken&)> session;   // before each run of the command: proofs, no cut here
    std::function<Reply(TestToken&)> command;  // cut
    std::function<void(Judged&)> judge;        // may use up the token
    bool answers_ok = true;                    // what the command answers when it isn't cut
    // Where a cut may lead to another end than the command itself: makes that end.
    std::function<void(TestToken&)> other_end = {};
    // For a command that is slow by itself: only so many of its operations are cut, evenly spread with the first and
    // the last among them, each by one kind of tear. 0: all of them by every kind.
    std::uint64_t samples = 0;
    bool new_guid = false;  // the command draws one: CHUID counts by its length alone
};

struct SweepCounts {
    std::uint64_t operations = 0;
    std::uint64_t cuts = 0;
    std::uint64_t torn = 0;
    std::uint64_t second_cuts = 0;
    std::uint64_t second_torn = 0;
    std::uint64_t before = 0;
    std::uint64_t after = 0;
};

// For each unit size.
class ApduSweep : public ::testing::TestWithParam<std::uint32_t> {
protected:
    // Runs the sweep, prints its counts, and fails when nothing tore.
    void sweep(Profile profile, const Case& what);

private:
    bool judge(TestToken& token, const Case& what, const Reply& reply, const std::string& where);
    bool second_cuts(TestToken& token, const Case& what, const Reply& reply, std::uint32_t seed,
                     const std::string& where);

    SweepCounts counts_;
    Facts before_, after_;
    Tries tries_before_;
    ByteVector key_before_;
};

// The public key of a slot (65 bytes); empty if there is none.
ByteVector public_key(TestToken& token, std::uint8_t slot);
// Signs with the slot and verifies with what the metadata says is its key. The PIN must have been verified.
bool key_works(TestToken& token, std::uint8_t slot = ref::authentication);
// Verifies and uses the key of 9A.
void expect_pin_opens(Judged& judged, std::string_view pin);
void expect_pin_refused(Judged& judged, std::string_view pin);
// The lock event is open: the right code sets a PIN with which the key works.
void expect_code_opens(Judged& judged);

}  // namespace sealkey::testing
