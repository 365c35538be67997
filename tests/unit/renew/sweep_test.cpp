// Every connection of a whole renewal cut at every place: before the token has an APDU, with its answer lost, before
// the CA has a question, with its answer lost, and the power cut in the token's flash. After each cut the key must be
// usable and the CA of one mind with it, and one more run must finish the renewal.
#include <gtest/gtest.h>

#include "transport/transport.h"
#include "unit/renew/world.h"

namespace sealkey::test {
namespace {

struct Totals {
    std::size_t runs = 0;
    std::size_t cut = 0;        // runs that were really stopped
    std::size_t resumed = 0;    // of those, how many the next run went on with
    std::size_t completed = 0;  // runs that one more run finished
    std::size_t torn = 0;       // flash operations left half done
};

class RenewalSweep : public ::testing::Test {
protected:
    explicit RenewalSweep(const bench::RenewalOrder& order = {}) : world_(folder_) {
        world_.approve(order);
        (void)world_.run();
        whole_ = world_.count();
        world_.check_finished();
    }

    void cut_once(const Cut& cut) {
        world_.restore();
        ++totals_.runs;
        std::string stopped;
        try {
            (void)world_.run(cut);
        } catch (const std::exception& error) {
            stopped = error.what();
            ++totals_.cut;
        }
        totals_.torn += world_.token().flash().torn() ? 1 : 0;
        try {
            world_.check_usable();
            if (totals_.runs % 3 == 0) world_.restart_ca();
            const auto result = world_.run();
            totals_.resumed += result.resumed ? 1 : 0;
            ASSERT_TRUE(result.outcome == renew::Outcome::renewed || result.outcome == renew::Outcome::already_renewed);
            world_.check_finished();
            ++totals_.completed;
        } catch (const std::exception& error) {
            ADD_FAILURE() << "cut " << static_cast<int>(cut.at) << " after " << cut.after
                          << (cut.answer_lost ? ", answer lost" : "") << " (" << stopped << "): " << error.what();
        }
    }
    void report(const char* what) {
        std::printf("%s: %zu runs, %zu cut, %zu torn, %zu resumed, %zu completed = %.0f %%\n", what, totals_.runs,
                    totals_.cut, totals_.torn, totals_.resumed, totals_.completed,
                    100.0 * static_cast<double>(totals_.completed) / static_cast<double>(totals_.runs));
        EXPECT_EQ(totals_.completed, totals_.runs);
        EXPECT_GT(totals_.resumed, 0U);
    }

    CaFolder folder_;
    World world_;
    Count whole_;
    Totals totals_;
};

TEST_F(RenewalSweep, Lesson12_EveryApdu) {
    ASSERT_GT(whole_.apdus, 20U);
    for (std::size_t i = 0; i < whole_.apdus; ++i) {
        cut_once({Cut::At::apdu, i, false});
        cut_once({Cut::At::apdu, i, true});
    }
    report("connection cut at every APDU");
    EXPECT_EQ(totals_.cut, totals_.runs);
}

TEST_F(RenewalSweep, EveryQuestionAndEveryAnswerOfTheCa) {
    ASSERT_EQ(whole_.questions, 4U);
    for (std::size_t i = 0; i < whole_.questions; ++i) {
        cut_once({Cut::At::question, i});
        cut_once({Cut::At::answer, i});
    }
    report("connection to the CA cut at every question and answer");
    EXPECT_EQ(totals_.cut, totals_.runs);
}

class RenewalPowerSweep : public RenewalSweep, public ::testing::WithParamInterface<Tear> {};

TEST_P(RenewalPowerSweep, EveryFlashOperation) {
    ASSERT_GT(whole_.flash, 50U);
    for (std::uint64_t i = 0; i < whole_.flash; ++i) {
        cut_once({Cut::At::flash, static_cast<std::size_t>(i), false, GetParam()});
    }
    report((std::string("power cut at every flash operation, ") + name_of(GetParam())).c_str());
    EXPECT_EQ(totals_.cut, totals_.runs);
    EXPECT_TRUE(totals_.torn > 0 || GetParam() == Tear::nothing);
}
INSTANTIATE_TEST_SUITE_P(Tears, RenewalPowerSweep, ::testing::ValuesIn(kAllTears),
                         [](const auto& tear) { return std::string(name_of(tear.param)); });

// The same with a decryption key of a key centre's in the set: its envelope is one more answer of the CA, and one more
// APDU. The mock centre makes another key each time it is asked, so a CA that forgets what it told the token is found.
class CentreSweep : public RenewalSweep {
protected:
    CentreSweep() : RenewalSweep(order()) {}
    static bench::RenewalOrder order() {
        bench::RenewalOrder out;
        out.decryption_key = "centre";
        return out;
    }
};

TEST_F(CentreSweep, Lesson12_EveryApdu) {
    for (std::size_t i = 0; i < whole_.apdus; ++i) {
        cut_once({Cut::At::apdu, i, false});
        cut_once({Cut::At::apdu, i, true});
    }
    report("key from a centre, connection cut at every APDU");
    EXPECT_EQ(totals_.cut, totals_.runs);
}

TEST_F(CentreSweep, EveryQuestionAndEveryAnswerOfTheCa) {
    ASSERT_EQ(whole_.questions, 5U);
    for (std::size_t i = 0; i < whole_.questions; ++i) {
        cut_once({Cut::At::question, i});
        cut_once({Cut::At::answer, i});
    }
    report("key from a centre, connection to the CA cut at every question and answer");
    EXPECT_EQ(totals_.cut, totals_.runs);
}

// Every operation once, each kind of tear in turn; the whole product is swept above with keys of the token's own.
TEST_F(CentreSweep, EveryFlashOperation) {
    ASSERT_GT(whole_.flash, 50U);
    for (std::uint64_t i = 0; i < whole_.flash; ++i) {
        cut_once({Cut::At::flash, static_cast<std::size_t>(i), false, kAllTears[i % std::size(kAllTears)]});
    }
    report("key from a centre, power cut at every flash operation");
    EXPECT_EQ(totals_.cut, totals_.runs);
    EXPECT_GT(totals_.torn, 0U);
}

}  // namespace
}  // namespace sealkey::test
