// The object store as its users see it, on parts of every unit size.
#include "store/store.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "support/flash_model.h"

namespace sealkey::store {
namespace {

using test::FlashModel;
using Value = std::vector<std::uint8_t>;

Value pattern(std::size_t size, std::uint8_t seed) {
    Value v(size);
    std::mt19937 random(seed);
    for (auto& b : v) b = static_cast<std::uint8_t>(random());
    return v;
}

class StoreTest : public testing::TestWithParam<std::uint32_t> {
protected:
    static constexpr std::uint32_t kSectors = 27;
    StoreTest() : flash_({4096, kSectors, GetParam()}) { remake(); }

    void remake() { store_ = std::make_unique<Store>(flash_, SectorRange{2, kSectors - 2}); }
    void restart() {
        remake();
        ASSERT_TRUE(store_->mount());
    }
    std::optional<Value> get(ObjectId id) {
        const auto size = store_->size(id);
        if (!size) return std::nullopt;
        Value v(*size);
        EXPECT_TRUE(store_->read(id, 0, v));
        return v;
    }
    bool stream(ObjectId id, const Value& value, std::size_t piece) {
        if (!store_->stream_open(static_cast<std::uint32_t>(value.size()))) return false;
        for (std::size_t at = 0; at < value.size(); at += piece)
            if (!store_->stream_append(Bytes(value).subspan(at, std::min(piece, value.size() - at)))) return false;
        auto t = store_->begin(0, 1);
        return t && t->put_stream(id) && t->commit();
    }

    FlashModel flash_;
    std::unique_ptr<Store> store_;
};

TEST_P(StoreTest, BlankFlashIsNotFormattedAndIsLeftAlone) {
    EXPECT_EQ(store_->mount().error(), Error::not_found);
    EXPECT_EQ(flash_.operations(), 0U);
    EXPECT_EQ(store_->begin(1, 1).error(), Error::flash_failure);
}

TEST_P(StoreTest, PutsReadsSupersedesAndRemoves) {
    ASSERT_TRUE(store_->format());
    EXPECT_EQ(store_->size(7).error(), Error::not_found);
    ASSERT_TRUE(store_->put(7, pattern(100, 1)));
    ASSERT_TRUE(store_->put(8, {}));
    EXPECT_EQ(get(7), pattern(100, 1));
    EXPECT_EQ(get(8), Value());
    ASSERT_TRUE(store_->put(7, pattern(30, 2)));
    EXPECT_EQ(get(7), pattern(30, 2));
    restart();
    EXPECT_EQ(get(7), pattern(30, 2));
    EXPECT_EQ(get(8), Value());
    ASSERT_TRUE(store_->remove(7));
    ASSERT_TRUE(store_->remove(7));
    ASSERT_TRUE(store_->remove(99));
    EXPECT_FALSE(store_->contains(7));
    restart();
    EXPECT_FALSE(store_->contains(7));
    EXPECT_EQ(get(8), Value());
}

TEST_P(StoreTest, ReadsPartsAndRefusesWhatIsNotThere) {
    ASSERT_TRUE(store_->format());
    const Value v = pattern(9000, 3);
    ASSERT_TRUE(store_->put(1, v));
    Value part(500);
    for (const std::uint32_t at : {0U, 1U, 1700U, 3900U, 8500U}) {
        ASSERT_TRUE(store_->read(1, at, part));
        EXPECT_TRUE(std::equal(part.begin(), part.end(), v.begin() + at));
    }
    EXPECT_EQ(store_->read(1, 8501, part).error(), Error::invalid);
    EXPECT_EQ(store_->read(1, 0xFFFFFFFF, part).error(), Error::invalid);
    EXPECT_TRUE(store_->read(1, 9000, MutableBytes()));
    EXPECT_EQ(store_->read(2, 0, part).error(), Error::not_found);
}

TEST_P(StoreTest, OneTransactionOfSeveralObjectsIsSeenWhole) {
    ASSERT_TRUE(store_->format());
    ASSERT_TRUE(store_->put(1, pattern(10, 1)));
    {
        auto t = store_->begin(200, 3);
        ASSERT_TRUE(t);
        EXPECT_EQ(store_->begin(1, 1).error(), Error::busy);
        EXPECT_EQ(store_->stream_open(10).error(), Error::busy);
        ASSERT_TRUE(t->put(1, pattern(50, 2)));
        ASSERT_TRUE(t->put(2, pattern(50, 3)));
        EXPECT_EQ(get(1), pattern(10, 1)) << "not before the commit";
        EXPECT_FALSE(store_->contains(2));
    }
    EXPECT_EQ(get(1), pattern(10, 1)) << "a dropped transaction never happened";
    EXPECT_FALSE(store_->contains(2));
    restart();
    EXPECT_EQ(get(1), pattern(10, 1));
    EXPECT_FALSE(store_->contains(2));
    auto t = store_->begin(200, 4);
    ASSERT_TRUE(t);
    ASSERT_TRUE(t->put(1, pattern(50, 2)));
    ASSERT_TRUE(t->put(2, pattern(50, 3)));
    ASSERT_TRUE(t->put(2, pattern(60, 4)));
    ASSERT_TRUE(t->remove(1));
    ASSERT_TRUE(t->commit());
    EXPECT_FALSE(store_->contains(1));
    EXPECT_EQ(get(2), pattern(60, 4));
    restart();
    EXPECT_FALSE(store_->contains(1));
    EXPECT_EQ(get(2), pattern(60, 4));
}

TEST_P(StoreTest, RefusesMoreThanWasReserved) {
    ASSERT_TRUE(store_->format());
    auto t = store_->begin(100, 2);
    ASSERT_TRUE(t);
    EXPECT_EQ(t->put(1, pattern(101, 1)).error(), Error::no_space);
    ASSERT_TRUE(t->put(1, pattern(60, 1)));
    EXPECT_EQ(t->put(2, pattern(41, 1)).error(), Error::no_space);
    ASSERT_TRUE(t->put(2, pattern(40, 1)));
    EXPECT_EQ(t->put(3, {}).error(), Error::no_space);
    EXPECT_EQ(t->remove(1).error(), Error::no_space);
    ASSERT_TRUE(t->commit());
    EXPECT_EQ(t->commit().error(), Error::invalid);
    EXPECT_EQ(t->put(3, {}).error(), Error::invalid);
}

TEST_P(StoreTest, HiddenIdsAreNotForOthers) {
    ASSERT_TRUE(store_->format());
    EXPECT_EQ(store_->put(kFirstHiddenId, pattern(5, 1)).error(), Error::invalid);
    EXPECT_EQ(store_->remove(0xFFFF).error(), Error::invalid);
    ASSERT_TRUE(store_->put(1, pattern(9000, 1)));
    for (std::uint32_t id = kFirstHiddenId; id <= 0xFFFF; ++id)
        ASSERT_FALSE(store_->contains(static_cast<ObjectId>(id)));
}

TEST_P(StoreTest, StreamsASealOldAndNew) {
    ASSERT_TRUE(store_->format());
    const Value first = pattern(32 * 1024, 1);
    const Value second = pattern(32 * 1024, 2);
    ASSERT_TRUE(stream(0x40, first, 255));
    EXPECT_EQ(get(0x40), first);
    ASSERT_TRUE(store_->stream_open(32 * 1024));
    ASSERT_TRUE(store_->stream_append(Bytes(second).first(20000)));
    EXPECT_EQ(get(0x40), first) << "the old object reads until the new one is published";
    ASSERT_TRUE(store_->put(1, pattern(20, 1))) << "others may write in between";
    EXPECT_EQ(store_->stream_append(pattern(32 * 1024, 3)).error(), Error::too_large);
    {
        auto t = store_->begin(0, 1);
        ASSERT_TRUE(t);
        EXPECT_EQ(t->put_stream(0x40).error(), Error::invalid) << "not complete";
        EXPECT_EQ(store_->stream_append(pattern(1, 3)).error(), Error::busy);
    }
    ASSERT_TRUE(store_->stream_append(Bytes(second).subspan(20000)));
    auto t = store_->begin(0, 1);
    ASSERT_TRUE(t);
    ASSERT_TRUE(t->put_stream(0x40));
    EXPECT_EQ(t->put_stream(0x41).error(), Error::invalid) << "published once";
    ASSERT_TRUE(t->commit());
    EXPECT_EQ(get(0x40), second);
    EXPECT_EQ(store_->stream_append(pattern(1, 3)).error(), Error::invalid);
    restart();
    EXPECT_EQ(get(0x40), second);
    EXPECT_EQ(get(1), pattern(20, 1));
}

TEST_P(StoreTest, AnAbandonedStreamLeavesTheObjectAndGivesTheRoomBack) {
    ASSERT_TRUE(store_->format());
    const Value seal = pattern(30000, 1);
    ASSERT_TRUE(stream(0x40, seal, 4096));
    for (int i = 0; i < 60; ++i) {
        ASSERT_TRUE(store_->stream_open(30000)) << i;
        ASSERT_TRUE(store_->stream_append(pattern(static_cast<std::size_t>(i) * 400, 2))) << i;
        if (i % 3 == 0) store_->stream_abandon();
        if (i % 3 == 1) restart();
    }
    EXPECT_EQ(get(0x40), seal);
}

TEST_P(StoreTest, FullStoreSaysSoAndStaysUsable) {
    ASSERT_TRUE(store_->format());
    ObjectId id = 1;
    Status last;
    while ((last = store_->put(id, pattern(1500, static_cast<std::uint8_t>(id))))) ++id;
    EXPECT_EQ(last.error(), Error::no_space);
    ASSERT_GT(id, 20);
    for (ObjectId i = 1; i < id; ++i) ASSERT_EQ(get(i), pattern(1500, static_cast<std::uint8_t>(i)));
    EXPECT_EQ(store_->stream_open(32 * 1024).error(), Error::no_space);
    restart();
    for (ObjectId i = 1; i < id; ++i) ASSERT_EQ(get(i), pattern(1500, static_cast<std::uint8_t>(i)));
    for (ObjectId i = 1; i < id; i = static_cast<ObjectId>(i + 2)) ASSERT_TRUE(store_->remove(i));
    ASSERT_TRUE(store_->put(500, pattern(1500, 77)));
    EXPECT_EQ(get(500), pattern(1500, 77));
    for (ObjectId i = 2; i < id; i = static_cast<ObjectId>(i + 2))
        ASSERT_EQ(get(i), pattern(1500, static_cast<std::uint8_t>(i)));
}

// What upkeep supersedes is its own, so its two sectors never run out.
TEST_P(StoreTest, AFullStoreKeepsRoomForUpkeep) {
    ASSERT_TRUE(store_->format());
    ASSERT_TRUE(store_->put(1, pattern(60, 0), Sensitivity::secret));
    ASSERT_TRUE(store_->put(2, pattern(30, 0)));
    ObjectId id = 3;
    for (const std::size_t size : {1900U, 900U, 300U, 1U})
        while (store_->put(id, pattern(size, static_cast<std::uint8_t>(id)))) ++id;
    EXPECT_EQ(store_->put(2, pattern(30, 1)).error(), Error::no_space) << "content";
    for (int i = 0; i < 500; ++i) {
        auto t = store_->begin(400, 6, Purpose::upkeep);
        ASSERT_TRUE(t) << i;
        ASSERT_TRUE(t->put(1, pattern(60, static_cast<std::uint8_t>(i)), Sensitivity::secret)) << i;
        ASSERT_TRUE(t->put(2, pattern(30, static_cast<std::uint8_t>(i)))) << i;
        ASSERT_TRUE(t->commit()) << i;
        if (i % 50 == 0) restart();
    }
    for (ObjectId i = 3; i < id; ++i) ASSERT_TRUE(store_->remove(i)) << i;
    EXPECT_EQ(get(1), pattern(60, 499 & 0xFF));
}

TEST_P(StoreTest, TheIndexIsFullWhenItSaysSoAndForgetsWhatWasRemoved) {
    test::FlashModel flash({4096, 40, GetParam()});
    const auto remount = [&] {
        store_ = std::make_unique<Store>(flash, SectorRange{2, 38});
        ASSERT_TRUE(store_->mount());
    };
    store_ = std::make_unique<Store>(flash, SectorRange{2, 38});
    ASSERT_TRUE(store_->format());
    constexpr ObjectId first = 0x100;
    constexpr ObjectId most = kMaxRecords - kUpkeepRecords;
    for (int round = 0; round < 3; ++round) {
        ObjectId n = 0;
        while (store_->put(static_cast<ObjectId>(first + 0x1000 * round + n), pattern(1, 1))) ++n;
        EXPECT_EQ(n, most) << "round " << round;
        EXPECT_TRUE(store_->put(static_cast<ObjectId>(first + 0x1000 * round), pattern(1, 2))) << "no new id";
        EXPECT_EQ(store_->stream_open(5000).error(), Error::no_space);
        {
            auto t = store_->begin(40, 2 * kUpkeepRecords, Purpose::upkeep);
            ASSERT_TRUE(t);
            for (ObjectId i = 0; i < kUpkeepRecords; ++i) EXPECT_TRUE(t->put(static_cast<ObjectId>(1 + i), {})) << i;
            EXPECT_TRUE(t->put(1, {})) << "known by now";
            EXPECT_EQ(t->put(0x50, {}).error(), Error::no_space);
            EXPECT_EQ(t->commit().error(), Error::invalid);
        }
        remount();
        EXPECT_FALSE(store_->contains(1));
        for (ObjectId i = 0; i < n; ++i)
            ASSERT_TRUE(store_->remove(static_cast<ObjectId>(first + 0x1000 * round + i))) << i;
        if (round == 1) remount();
    }
}

TEST_P(StoreTest, ManyPutsWearTheSectorsEvenly) {
    ASSERT_TRUE(store_->format());
    ASSERT_TRUE(stream(0x40, pattern(30000, 9), 4000));
    for (int i = 0; i < 3000; ++i)
        ASSERT_TRUE(store_->put(static_cast<ObjectId>(i % 7), pattern(300, static_cast<std::uint8_t>(i)))) << i;
    EXPECT_EQ(get(0x40), pattern(30000, 9));
    std::uint64_t most = 0;
    std::uint64_t all = 0;
    for (std::uint32_t s = 2; s < kSectors; ++s) {
        most = std::max(most, flash_.erasures(s));
        all += flash_.erasures(s);
    }
    EXPECT_LE(most, 4 * all / (kSectors - 2));
}

TEST_P(StoreTest, SupersededSecretsAreGoneWhenCommitReturns) {
    ASSERT_TRUE(store_->format());
    const Value first = pattern(64, 1);
    const Value second = pattern(64, 2);
    const Value large = pattern(6000, 3);
    ASSERT_TRUE(store_->put(1, first, Sensitivity::secret));
    ASSERT_TRUE(store_->put(2, pattern(64, 4)));
    ASSERT_TRUE(store_->put(1, second, Sensitivity::secret));
    EXPECT_FALSE(flash_.holds(first));
    EXPECT_TRUE(flash_.holds(second));
    ASSERT_TRUE(store_->put(3, large, Sensitivity::secret));
    ASSERT_TRUE(flash_.holds(Bytes(large).subspan(1000, 64)));
    ASSERT_TRUE(store_->remove(3));
    for (std::size_t at = 0; at + 64 <= large.size(); at += 64)
        ASSERT_FALSE(flash_.holds(Bytes(large).subspan(at, 64)));
    ASSERT_TRUE(store_->remove(1));
    EXPECT_FALSE(flash_.holds(second));
    EXPECT_EQ(get(2), pattern(64, 4));
    {
        auto t = store_->begin(64, 1);
        ASSERT_TRUE(t);
        ASSERT_TRUE(t->put(1, first, Sensitivity::secret));
    }
    EXPECT_FALSE(flash_.holds(first)) << "of a dropped transaction";
}

TEST_P(StoreTest, UnknownVersionIsRefusedWithoutATouch) {
    ASSERT_TRUE(store_->format());
    ASSERT_TRUE(store_->put(1, pattern(64, 1)));
    auto state = flash_.state();
    for (std::size_t at = 2 * 4096; at < state.bytes.size(); at += 4096) {
        if (load_be32(&state.bytes[at]) != 0x534B4C47) continue;
        store_be16(&state.bytes[at + 4], 2);
        store_be16(&state.bytes[at + 6], 0xFFFD);
    }
    flash_.restore(state);
    const auto before = flash_.operations();
    remake();
    EXPECT_EQ(store_->mount().error(), Error::unsupported_format);
    EXPECT_EQ(flash_.operations(), before);
    EXPECT_EQ(flash_.state().bytes, state.bytes);
}

TEST_P(StoreTest, GarbageIsRefusedWithoutATouch) {
    Value junk = pattern(4096 * kSectors, 5);
    flash_.fill(junk);
    EXPECT_EQ(store_->mount().error(), Error::corrupt);
    EXPECT_EQ(flash_.operations(), 0U);
    ASSERT_TRUE(store_->format());
    ASSERT_TRUE(store_->put(1, pattern(64, 1)));
    EXPECT_EQ(get(1), pattern(64, 1));
}

TEST_P(StoreTest, FormatAgainLeavesNothing) {
    ASSERT_TRUE(store_->format());
    ASSERT_TRUE(store_->put(1, pattern(64, 1)));
    ASSERT_TRUE(store_->format());
    EXPECT_FALSE(store_->contains(1));
    EXPECT_FALSE(flash_.holds(pattern(64, 1)));
    ASSERT_TRUE(store_->put(2, pattern(64, 2)));
    restart();
    EXPECT_FALSE(store_->contains(1));
    EXPECT_EQ(get(2), pattern(64, 2));
}

TEST_P(StoreTest, MountOfACleanStoreWritesNothing) {
    ASSERT_TRUE(store_->format());
    ASSERT_TRUE(store_->put(1, pattern(64, 1), Sensitivity::secret));
    ASSERT_TRUE(store_->put(1, pattern(64, 2), Sensitivity::secret));
    ASSERT_TRUE(stream(2, pattern(9000, 3), 255));
    ASSERT_TRUE(store_->remove(2));
    const auto before = flash_.operations();
    restart();
    restart();
    EXPECT_EQ(flash_.operations(), before);
}

// Whatever stands in flash, mount() ends, reads nothing out of range (the model aborts) and leaves something usable or
// says why not.
TEST_P(StoreTest, ArbitraryFlashContentNeitherCrashesNorHangs) {
    ASSERT_TRUE(store_->format());
    for (int i = 0; i < 12; ++i)
        ASSERT_TRUE(store_->put(static_cast<ObjectId>(i % 5), pattern(static_cast<std::size_t>(i) * 300, 1),
                                i % 2 == 0 ? Sensitivity::secret : Sensitivity::plain));
    ASSERT_TRUE(stream(0x40, pattern(12000, 2), 1000));
    const auto good = flash_.state();
    std::mt19937 random(GetParam());
    int mounted = 0;
    int refused = 0;
    for (int round = 0; round < 400; ++round) {
        auto image = good;
        const int kind = round % 4;
        const std::uint32_t changes = 1 + random() % 40;
        for (std::uint32_t i = 0; i < changes; ++i) {
            const std::uint32_t at = random() % static_cast<std::uint32_t>(image.bytes.size());
            if (kind == 0) image.bytes[at] = static_cast<std::uint8_t>(random());
            if (kind == 1)
                image.bytes[at / 4096 * 4096 + random() % 64] ^= static_cast<std::uint8_t>(1U << random() % 8);
            if (kind == 2) {  // a piece of it somewhere else
                const std::uint32_t from = random() % static_cast<std::uint32_t>(image.bytes.size() - 600);
                const std::uint32_t to = random() % static_cast<std::uint32_t>(image.bytes.size() - 600) / 4 * 4;
                std::copy_n(good.bytes.begin() + from / 4 * 4, 600, image.bytes.begin() + to);
            }
            if (kind == 3 && i < 3) {  // whole sectors twice or gone
                const std::uint32_t from = random() % kSectors * 4096;
                const std::uint32_t to = random() % kSectors * 4096;
                std::copy_n(good.bytes.begin() + from, 4096, image.bytes.begin() + to);
            }
        }
        // Everything counts as programmed: what mount() writes, it must have erased first.
        std::fill(image.programmed.begin(), image.programmed.end(), true);
        flash_.restore(image);
        remake();
        const auto done = store_->mount();
        if (!done) {
            ++refused;
            EXPECT_NE(done.error(), Error::flash_failure);
            continue;
        }
        ++mounted;
        for (ObjectId id = 0; id < 0x50; ++id) {
            const auto size = store_->size(id);
            if (!size) continue;
            Value v(std::min<std::uint32_t>(*size, 100000));
            (void)store_->read(id, 0, v);
        }
        (void)store_->put(1, pattern(500, 5), Sensitivity::secret);
        (void)store_->remove(0x40);
    }
    EXPECT_GT(mounted, 50);
    EXPECT_GT(refused + mounted, 399);
}

INSTANTIATE_TEST_SUITE_P(Units, StoreTest, testing::Values(4, 8, 16, 256),
                         [](const auto& unit) { return "Unit" + std::to_string(unit.param); });

}  // namespace
}  // namespace sealkey::store
