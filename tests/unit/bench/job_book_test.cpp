// The jobs of a tray over several runs.
#include "bench/job_book.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "bench/policy.h"

namespace sealkey::bench {
namespace {

class JobBookTest : public ::testing::Test {
protected:
    void SetUp() override {
        folder_ = (std::filesystem::temp_directory_path() / "sealkey-jobs-XXXXXX").string();
        ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
        ca::Settings settings;
        settings.name = "CA";
        const std::string passphrase = "correct horse battery";
        ca::Authority::create(folder_ + "/ca", settings,
                              {reinterpret_cast<const std::uint8_t*>(passphrase.data()), passphrase.size()}, ca::now());
        authority_ = std::make_unique<ca::Authority>(folder_ + "/ca");
        inventory_ = std::make_unique<Inventory>(folder_ + "/inventory.sqlite");
    }
    void TearDown() override {
        inventory_.reset();
        std::filesystem::remove_all(folder_);
    }

    TokenRow admit(const Order& order) {
        Inventory::Work work(*inventory_, "tester");
        const Admission admission = admit_order(*inventory_, work, order);
        const TokenRow row = work.add_token("chip" + std::to_string(++chips_), admission.order, "", 1, 1);
        work.commit();
        return row;
    }
    // What a port does with an order that the rules refuse.
    void refuse(const OrderFile& file, std::size_t number) {
        JobBook book(*inventory_);
        JobRow job = book.jobs(batch_of(file)).at(number - 1);
        job.message = "why not";
        Inventory::Work work(*inventory_, "tester");
        book.update(work, job, JobState::refused);
        work.commit();
    }
    std::string states(const OrderFile& file) {
        std::string text;
        for (const JobRow& job : JobBook(*inventory_).jobs(batch_of(file)))
            text += std::string(name_of(job.state)) + (job.message.empty() ? " " : ": " + job.message + " ");
        return text;
    }

    std::string folder_;
    std::unique_ptr<ca::Authority> authority_;
    std::unique_ptr<Inventory> inventory_;
    int chips_ = 0;
};

TEST_F(JobBookTest, ARefusedOrderWaitsAgainOnceItsCauseIsGone) {
    const OrderFile file = parse_orders_csv(
        "kind,enterprise_name,unified_code,login_name,reason\n"
        "first,X,91350100M000100Y43,A1,\n"
        "additional,X,91350100M000100Y43,A2,office\n"
        "first,Y,914403001922038216,B1,\n");
    ASSERT_TRUE(file.problems.empty());
    {
        Inventory::Work work(*inventory_, "tester");
        JobBook(*inventory_).add_batch(work, batch_of(file), file);
        work.commit();
    }
    // Another's key has the place of the first meanwhile.
    Order other = file.orders[0].order;
    other.login_name = "OTHER";
    const TokenRow in_the_way = admit(other);
    refuse(file, 1);
    refuse(file, 2);
    ASSERT_EQ(states(file), "refused: why not refused: why not waiting ");

    // As long as it is there: the first stays refused, with its message. The additional one has its first key now.
    const auto rows = inventory_->audit_rows().size();
    reopen_refused(*inventory_, *authority_, file, "tester");
    EXPECT_EQ(states(file), "refused: why not waiting waiting ");
    EXPECT_EQ(inventory_->audit_rows().size(), rows + 1);
    EXPECT_EQ(inventory_->audit_rows().back().action, "batch-again");
    EXPECT_EQ(inventory_->tokens().size(), 1U) << "a rehearsal leaves nothing";
    refuse(file, 2);

    {
        Inventory::Work work(*inventory_, "tester");
        work.set_state(in_the_way.serial, TokenState::revoked, "");
        work.commit();
    }
    // An additional key's order is good with the first one's, which is to be made before it.
    reopen_refused(*inventory_, *authority_, file, "tester");
    EXPECT_EQ(states(file), "waiting waiting waiting ");
    const auto done = inventory_->audit_rows().size();
    reopen_refused(*inventory_, *authority_, file, "tester");
    EXPECT_EQ(inventory_->audit_rows().size(), done) << "nothing to do, nothing done";
}

TEST_F(JobBookTest, OnlyARefusedOrderIsOpenedAgain) {
    for (const JobState from : {JobState::begun, JobState::failed, JobState::refused, JobState::done}) {
        EXPECT_EQ(may_follow(from, JobState::waiting), from != JobState::done) << name_of(from);
        EXPECT_FALSE(may_follow(JobState::refused, from)) << name_of(from);
    }
    const OrderFile file = parse_orders_csv("enterprise_name,unified_code,login_name\nX,91350100M000100Y43,A1\n");
    {
        Inventory::Work work(*inventory_, "tester");
        JobBook book(*inventory_);
        book.add_batch(work, batch_of(file), file);
        JobRow job = book.jobs(batch_of(file)).front();
        book.update(work, job, JobState::begun);
        book.update(work, job, JobState::failed);
        work.commit();
    }
    reopen_refused(*inventory_, *authority_, file, "tester");
    EXPECT_EQ(states(file), "failed ");
}

}  // namespace
}  // namespace sealkey::bench
