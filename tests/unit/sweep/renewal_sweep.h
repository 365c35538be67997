// Renewal with the power going, or the connection breaking, at every moment of it. Judged by what the token then does
// through its commands: it has exactly one login key and one signing key, each with its certificate, all of before or
// all of after; what was encrypted before still opens; at most one renewal is staged; and one more run of the client's
// procedure completes it.
#pragma once

#include <gtest/gtest.h>

#include "support/renewal_desk.h"

namespace sealkey::testing {

struct RenewalCounts {
    std::uint64_t runs = 0;
    std::uint64_t torn = 0;
    std::uint64_t second_runs = 0;
    std::uint64_t second_torn = 0;
    std::uint64_t before = 0;
    std::uint64_t after = 0;
    std::uint64_t completed = 0;
};

class RenewalSweep : public ::testing::TestWithParam<std::uint32_t> {
protected:
    // A step of the procedure, on a token whose PIN is verified.
    struct Step {
        const char* name;
        std::function<void(token::Token&, RenewalDesk&)> run;
    };

    explicit RenewalSweep(platform::FlashGeometry geometry);
    RenewalSweep() : RenewalSweep({4096, 48, GetParam()}) {}

    TestToken& key() { return *issued_.token; }
    std::vector<Step> steps();
    // Runs the steps up to this one, none of them cut.
    void advance(std::size_t to);

    // Every flash operation of one step, with every kind of tear, and again every operation of the recovery.
    void cut_power_in(const Step& step);
    // What holds after any cut. `where` is said when it doesn't.
    void expect_whole(RenewalDesk& desk, const std::string& where);
    void expect_completes(RenewalDesk desk, const std::string& where);
    void print(const char* what);

    // True when everything in use is what it was before the renewal; false: all of it is new. Fails on anything
    // between.
    bool is_before(RenewalDesk& desk, const std::string& where);
    void expect_usable(std::uint8_t slot, const std::string& where);
    bool decrypts(std::uint8_t slot, const PKey& peer);

    TestCa ca_;
    IssuedKey issued_;
    RenewalDesk desk_{ca_};
    RenewalPlan plan_;
    ByteVector old_chuid_, old_seal_, old_record_;
    PKey old_decryption_;
    RenewalCounts counts_;
};

}  // namespace sealkey::testing
