// Power cuts and broken connections in every step of a renewal.
#include <random>

#include "unit/sweep/renewal_sweep.h"

namespace sealkey::testing {
namespace {

class RenewalPower : public RenewalSweep {
protected:
    // Steps [first, last) of the procedure.
    void sweep(std::size_t first, std::size_t last, const char* what) {
        const auto all = steps();
        advance(first);
        for (std::size_t i = first; i < last && !HasFailure(); ++i) {
            const auto start = key().flash().state();
            cut_power_in(all.at(i));
            if (HasFailure()) return;
            key().flash().restore(start);
            ASSERT_TRUE(key().power_cycle());
            ASSERT_TRUE(key().verify(issued_.pin).ok());
            token::Token client(std::make_unique<TokenConnection>(key()));
            all.at(i).run(client, desk_);
        }
        print(what);
        expect_torn();
    }
    void expect_torn() {
        EXPECT_GT(counts_.torn, 0U) << "nothing tore";
        EXPECT_GT(counts_.second_runs, 0U) << "no recovery was cut";
        EXPECT_GT(counts_.second_torn, 0U) << "nothing tore in a recovery";
    }
};

TEST_P(RenewalPower, N14_Begin) { sweep(0, 3, "STAGE BEGIN, three keys"); }
TEST_P(RenewalPower, N14_RequestAndCertificate) { sweep(3, 6, "STAGE CSR and CERT, three roles"); }
TEST_P(RenewalPower, N14_N15_SealAndRecord) { sweep(6, 8, "STAGE SEAL and RECORD"); }
TEST_P(RenewalPower, N14_Prove) { sweep(8, 11, "STAGE PROVE, three roles"); }
TEST_P(RenewalPower, N14_Lesson12_Commit) {
    sweep(11, 12, "COMMIT");
    EXPECT_GT(counts_.after, 0U) << "no cut came after the commit";
    EXPECT_GT(counts_.before, 0U) << "no cut came before it";
}

TEST_P(RenewalPower, N14_Abort) {
    advance(11);
    cut_power_in({"STAGE ABORT", [this](token::Token& t, RenewalDesk&) { token::stage_abort(t, plan_.rid); }});
    print("STAGE ABORT");
    expect_torn();
}

// The plug is pulled again and again, wherever the procedure is, and in the recoveries too.
TEST_P(RenewalPower, N14_PulledAgainAndAgain) {
    const auto start = key().flash().state();
    std::mt19937 random(GetParam());
    std::uint64_t pulled = 0;
    for (int life = 0; life < 40 && !HasFailure(); ++life) {
        key().flash().restore(start);
        ASSERT_TRUE(key().power_cycle());
        RenewalDesk desk = desk_;
        const std::string where = "life " + std::to_string(life);
        for (int i = 0; i < 8; ++i) {
            const test::Tear tear = test::kAllTears[random() % std::size(test::kAllTears)];
            key().flash().cut_in(random() % (i % 3 == 2 ? 12 : 120), tear, random());
            if (key().power_cycle()) {
                try {
                    token::Token client(std::make_unique<TokenConnection>(key()));
                    run_renewal(client, issued_.pin, desk, plan_);
                } catch (const token::TokenError&) {
                }
            }
            pulled += key().flash().dead() ? 1 : 0;
            counts_.torn += key().flash().dead() && key().flash().torn() ? 1 : 0;
            key().flash().power_on();
            ASSERT_TRUE(key().power_cycle()) << where;
            expect_whole(desk, where);
        }
        ++counts_.runs;
        expect_completes(desk, where);
    }
    print("pulled again and again");
    EXPECT_GT(pulled, 100U);
    EXPECT_GT(counts_.torn, 0U);
}

INSTANTIATE_TEST_SUITE_P(Units, RenewalPower, ::testing::Values(4, 8, 16, 256),
                         [](const auto& unit) { return "Unit" + std::to_string(unit.param); });

// With a key centre's decryption key in the set.
class CentrePower : public RenewalPower {
protected:
    CentrePower() { plan_.centre = new_key("P-256"); }
};
TEST_P(CentrePower, N14_Envelope) { sweep(2, 3, "STAGE KEY"); }
INSTANTIATE_TEST_SUITE_P(Units, CentrePower, ::testing::Values(8, 256),
                         [](const auto& unit) { return "Unit" + std::to_string(unit.param); });

// COMMIT doesn't know where a key came from: one unit will do.
class CentreCommit : public CentrePower {};
TEST_P(CentreCommit, N14_Lesson12_Commit) { sweep(11, 12, "COMMIT, 9D from an envelope"); }
INSTANTIATE_TEST_SUITE_P(Units, CentreCommit, ::testing::Values(8),
                         [](const auto& unit) { return "Unit" + std::to_string(unit.param); });

// The connection breaks at every APDU, before the token has it or with its answer lost; the card is reset by it.
class RenewalConnection : public RenewalSweep {
protected:
    void sweep(bool extended, const char* what) {
        const auto start = key().flash().state();
        for (std::size_t after = 0;; ++after) {
            for (const bool lost : {false, true}) {
                key().flash().restore(start);
                ASSERT_TRUE(key().power_cycle());
                RenewalDesk desk = desk_;
                auto connection = std::make_unique<TokenConnection>(key(), extended);
                connection->cut = TokenConnection::Cut{after, lost};
                TokenConnection& wire = *connection;
                token::Token client(std::move(connection));
                const std::string where = std::string(what) + ", APDU " + std::to_string(after) + (lost ? " lost" : "");
                try {
                    run_renewal(client, issued_.pin, desk, plan_);
                } catch (const transport::TransportError&) {
                }
                if (!wire.broken) {
                    print(what);
                    EXPECT_GT(after, 20U);
                    return;
                }
                ++counts_.runs;
                expect_whole(desk, where);
                key().reset();
                expect_completes(desk, where);
                if (HasFailure()) return;
            }
        }
    }
};

TEST_P(RenewalConnection, N14_EveryExtendedApdu) { sweep(true, "connection, extended APDUs"); }
TEST_P(RenewalConnection, N14_Lesson19_EveryShortApdu) { sweep(false, "connection, short APDUs in chains"); }

TEST_P(RenewalConnection, N14_EveryExtendedApduWithAnEnvelope) {
    plan_.centre = new_key("P-256");
    sweep(true, "connection, extended APDUs, 9D in an envelope");
}

// The CA's side breaks at each of its answers, before it has noted anything or after.
TEST_P(RenewalConnection, N14_EveryAnswerOfTheCa) {
    const auto start = key().flash().state();
    for (int at = 0;; ++at) {
        for (const bool noted : {false, true}) {
            key().flash().restore(start);
            ASSERT_TRUE(key().power_cycle());
            RenewalDesk desk = desk_;
            desk.break_at(at, noted);
            token::Token client(std::make_unique<TokenConnection>(key()));
            const std::string where = "CA answer " + std::to_string(at) + (noted ? " lost" : "");
            try {
                run_renewal(client, issued_.pin, desk, plan_);
            } catch (const DeskBroken&) {
            }
            if (!desk.broke()) {
                print("answers of the CA");
                EXPECT_GE(at, 9);
                return;
            }
            ++counts_.runs;
            desk.mend();
            key().reset();
            expect_whole(desk, where);
            expect_completes(desk, where);
            if (HasFailure()) return;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Units, RenewalConnection, ::testing::Values(256),
                         [](const auto& unit) { return "Unit" + std::to_string(unit.param); });

}  // namespace
}  // namespace sealkey::testing
