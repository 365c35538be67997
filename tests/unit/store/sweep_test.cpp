// Power cuts: every flash operation of every kind of change, with every kind of tear, then again in the recovery. After
// each, the store must be as it was before the change or as it is after it, must stay so, must hold no superseded
// secret, and must be usable.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "store/store.h"
#include "store/try_log.h"
#include "support/flash_model.h"

namespace sealkey::store {
namespace {

using test::FlashModel;
using test::kAllTears;
using test::Tear;
using Value = std::vector<std::uint8_t>;

// Each operation is cut this often, by these tears; the bits differ by the seed.
constexpr Tear kVariantTears[] = {Tear::nothing, Tear::prefix, Tear::prefix, Tear::subset, Tear::subset, Tear::weak,
                                  Tear::weak,    Tear::nearly, Tear::nearly, Tear::nearly, Tear::nearly, Tear::nearly};
constexpr auto kVariants = static_cast<std::uint32_t>(std::size(kVariantTears));
constexpr std::uint32_t kVariantsCutTwice = 8;  // the first ones are followed by a cut in the recovery

constexpr std::uint32_t kSectors = 20;
constexpr SectorRange kRing{2, kSectors - 2};

Value pattern(std::size_t size, std::uint32_t seed) {
    Value v(size);
    std::mt19937 random(seed);
    for (auto& b : v) b = static_cast<std::uint8_t>(random());
    return v;
}

struct Object {
    Value value;
    bool secret = false;
    bool operator==(const Object&) const = default;
};
using Model = std::map<ObjectId, Object>;

constexpr ObjectId kIds[] = {1, 2, 3, 4, 5, 6, 7, 8, 0x40};

bool put(Store& store, Model& model, ObjectId id, Value value, bool secret = false) {
    const bool done = store.put(id, value, secret ? Sensitivity::secret : Sensitivity::plain).ok();
    if (done) model[id] = {std::move(value), secret};
    return done;
}

bool stream(Store& store, Model& model, ObjectId id, const Value& value, std::size_t piece) {
    if (!store.stream_open(static_cast<std::uint32_t>(value.size()))) return false;
    for (std::size_t at = 0; at < value.size(); at += piece)
        if (!store.stream_append(Bytes(value).subspan(at, std::min(piece, value.size() - at)))) return false;
    auto t = store.begin(0, 1);
    if (!t || !t->put_stream(id) || !t->commit()) return false;
    model[id] = {value, false};
    return true;
}

// What the store holds, by reading all of it. An error in reading fails the test.
Model content(const Store& store, const Model& a, const Model& b) {
    Model found;
    for (const ObjectId id : kIds) {
        const auto size = store.size(id);
        if (!size) {
            EXPECT_EQ(size.error(), Error::not_found);
            continue;
        }
        Object object;
        object.value.resize(*size);
        EXPECT_TRUE(store.read(id, 0, object.value)) << "object " << id;
        const auto in_a = a.find(id);
        const auto in_b = b.find(id);
        object.secret = in_a != a.end() ? in_a->second.secret : in_b != b.end() && in_b->second.secret;
        found[id] = std::move(object);
    }
    return found;
}

// True when some secret of `gone` that `kept` doesn't have stands in flash, were it in part.
bool holds_secret_of(const FlashModel& flash, const Model& gone, const Model& kept) {
    for (const auto& [id, object] : gone) {
        if (!object.secret) continue;
        const auto it = kept.find(id);
        if (it != kept.end() && it->second.value == object.value) continue;
        for (std::size_t at = 0; at + 16 <= object.value.size(); at += 64)
            if (flash.holds(Bytes(object.value).subspan(at, 16))) return true;
    }
    return false;
}

struct Scenario {
    const char* name;
    std::function<bool(Store&, Model&)> set_up;
    std::function<bool(Store&, Model&)> change;
};

// Fills with changes until the next put must compact.
bool fill_up(Store& store, Model& model) {
    for (std::uint32_t i = 0; i < 90; ++i)
        if (!put(store, model, static_cast<ObjectId>(1 + i % 5), pattern(700 + i % 13, i), i % 5 == 0)) return false;
    return true;
}

const Scenario kScenarios[] = {
    {"put small", [](Store& s, Model& m) { return put(s, m, 1, pattern(40, 1)) && put(s, m, 2, pattern(40, 2)); },
     [](Store& s, Model& m) { return put(s, m, 1, pattern(60, 3)); }},
    {"put first", [](Store&, Model&) { return true; }, [](Store& s, Model& m) { return put(s, m, 1, pattern(9, 3)); }},
    {"put of several objects",
     [](Store& s, Model& m) {
         return put(s, m, 1, pattern(300, 1)) && put(s, m, 2, pattern(500, 2)) && put(s, m, 3, pattern(3000, 12), true);
     },
     [](Store& s, Model& m) {
         auto t = s.begin(5000, 4);
         if (!t || !t->put(1, pattern(400, 4)) || !t->remove(2) || !t->put(3, pattern(3100, 5), Sensitivity::secret) ||
             !t->put(4, pattern(100, 6)) || !t->commit())
             return false;
         m[1] = {pattern(400, 4), false};
         m.erase(2);
         m[3] = {pattern(3100, 5), true};
         m[4] = {pattern(100, 6), false};
         return true;
     }},
    {"remove", [](Store& s, Model& m) { return put(s, m, 1, pattern(40, 1)) && put(s, m, 1, pattern(50, 1)); },
     [](Store& s, Model& m) { return s.remove(1) && m.erase(1) == 1; }},
    {"large object", [](Store& s, Model& m) { return put(s, m, 5, pattern(7000, 1)); },
     [](Store& s, Model& m) { return put(s, m, 5, pattern(8000, 2)); }},
    {"stream", [](Store& s, Model& m) { return stream(s, m, 0x40, pattern(9000, 1), 255); },
     [](Store& s, Model& m) { return stream(s, m, 0x40, pattern(10000, 2), 255); }},
    {"put that compacts", [](Store& s, Model& m) { return stream(s, m, 0x40, pattern(9000, 1), 999) && fill_up(s, m); },
     [](Store& s, Model& m) {
         // As many as it takes for one compaction at least; the last one is the change that the oracle looks at.
         auto t = s.begin(4 * 1700, 4);
         if (!t) return false;
         for (ObjectId id = 1; id <= 4; ++id) {
             if (!t->put(id, pattern(1700, id))) return false;
         }
         if (!t->commit()) return false;
         for (ObjectId id = 1; id <= 4; ++id) m[id] = {pattern(1700, id), false};
         return true;
     }},
    {"secret superseded",
     [](Store& s, Model& m) {
         return put(s, m, 2, pattern(40, 2)) && put(s, m, 1, pattern(80, 1), true) && put(s, m, 3, pattern(40, 3));
     },
     [](Store& s, Model& m) { return put(s, m, 1, pattern(80, 9), true); }},
    {"secret removed",
     [](Store& s, Model& m) { return put(s, m, 1, pattern(80, 1), true) && put(s, m, 2, pattern(3, 2)); },
     [](Store& s, Model& m) { return s.remove(1) && m.erase(1) == 1; }},
    {"large secret superseded",
     [](Store& s, Model& m) { return put(s, m, 2, pattern(40, 2)) && put(s, m, 1, pattern(2100, 1), true); },
     [](Store& s, Model& m) { return put(s, m, 1, pattern(2100, 9), true); }},
    {"dropped transaction",
     [](Store& s, Model& m) { return put(s, m, 2, pattern(40, 2)) && put(s, m, 1, pattern(80, 1), true); },
     [](Store& s, Model& m) {
         {
             auto t = s.begin(500, 3);
             if (!t || !t->put(1, pattern(80, 7), Sensitivity::secret) || !t->remove(2)) return false;
         }
         return put(s, m, 3, pattern(50, 8));
     }},
    {"format", [](Store& s, Model& m) { return put(s, m, 1, pattern(80, 1), true) && put(s, m, 2, pattern(700, 2)); },
     [](Store& s, Model& m) {
         if (!s.format()) return false;
         m.clear();
         return true;
     }},
};

struct Counts {
    std::uint64_t cuts = 0;
    std::uint64_t torn = 0;
    std::uint64_t second_cuts = 0;
    std::uint64_t second_torn = 0;
    std::uint64_t before = 0;
    std::uint64_t after = 0;
};

class Sweep : public testing::TestWithParam<std::uint32_t> {
protected:
    // Mounts what the cut left and holds it to the oracle, twice. Returns false when the test has failed.
    bool check(FlashModel& flash, const Model& before, const Model& after, const std::string& what) {
        Model first;
        for (int round = 0; round < 3; ++round) {
            Store store(flash, kRing);
            const auto mounted = store.mount();
            EXPECT_TRUE(mounted) << what << ": mount says " << static_cast<int>(mounted ? Error{} : mounted.error());
            if (!mounted) return false;
            const Model found = content(store, before, after);
            const auto values_equal = [&](const Model& m) {
                if (m.size() != found.size()) return false;
                for (const auto& [id, object] : m) {
                    const auto it = found.find(id);
                    if (it == found.end() || it->second.value != object.value) return false;
                }
                return true;
            };
            const bool is_before = !reported_ && values_equal(before);
            const bool is_after = values_equal(after);
            EXPECT_TRUE(is_before || is_after) << what << ": neither before nor after";
            if (!is_before && !is_after) return false;
            ++(is_after ? counts_.after : counts_.before);
            const Model& now = is_after ? after : before;
            const bool secrets_gone = !holds_secret_of(flash, is_after ? before : after, now);
            EXPECT_TRUE(secrets_gone) << what << ": a secret that is not live stands in flash";
            if (!secrets_gone) return false;
            if (round == 0) {
                first = found;
                continue;
            }
            EXPECT_TRUE(first == found) << what << ": changed its mind at the next mount";
            if (!(first == found)) return false;
            if (round < 2) continue;
            // And it is usable.
            const Value fresh = pattern(200, 99);
            Value read(fresh.size());
            const bool usable = store.put(8, fresh).ok() && store.read(8, 0, read).ok() && read == fresh;
            EXPECT_TRUE(usable) << what << ": not usable";
            return usable;
        }
        return true;
    }

    void sweep(const Scenario& scenario) {
        FlashModel flash({4096, kSectors, GetParam()});
        Model before;
        {
            Store store(flash, kRing);
            ASSERT_TRUE(store.format());
            ASSERT_TRUE(scenario.set_up(store, before)) << scenario.name;
        }
        const auto start = flash.state();
        Model after = before;
        std::uint64_t operations = 0;
        {
            Store store(flash, kRing);
            ASSERT_TRUE(store.mount());
            const auto from = flash.operations();
            ASSERT_TRUE(scenario.change(store, after)) << scenario.name;
            operations = flash.operations() - from;
        }
        ASSERT_GT(operations, 0U);
        for (std::uint64_t k = 0; k < operations; ++k) {
            for (std::uint32_t variant = 0; variant < kVariants; ++variant) {
                const Tear tear = kVariantTears[variant];
                const auto seed = static_cast<std::uint32_t>(k * 31 + variant);
                flash.restore(start);
                bool reported = false;
                {
                    Store store(flash, kRing);
                    ASSERT_TRUE(store.mount());
                    flash.cut_in(k, tear, seed);
                    Model scratch = before;
                    reported = scenario.change(store, scratch);
                }
                ASSERT_TRUE(flash.dead());
                ++counts_.cuts;
                counts_.torn += flash.torn();
                flash.power_on();
                const auto torn = flash.state();
                const std::string what = std::string(scenario.name) + ", operation " + std::to_string(k) + "/" +
                                         std::to_string(operations) + ", " + name_of(tear);
                // What was reported as done is done; otherwise either will do.
                reported_ = reported;
                if (!check(flash, before, after, what)) return;
                if (variant < kVariantsCutTwice && !second_cuts(flash, torn, before, after, seed, what)) return;
            }
        }
    }

    // Every operation of the recovery, with a tear that changes from one to the next.
    bool second_cuts(FlashModel& flash, const FlashModel::State& torn, const Model& before, const Model& after,
                     std::uint32_t seed, const std::string& what) {
        for (std::uint64_t j = 0;; ++j) {
            const Tear tear = kAllTears[(seed + j) % std::size(kAllTears)];
            flash.restore(torn);
            flash.cut_in(j, tear, seed + static_cast<std::uint32_t>(j) * 7 + 1);
            {
                Store store(flash, kRing);
                (void)store.mount();
            }
            if (!flash.dead()) return true;  // the recovery was over before
            ++counts_.second_cuts;
            counts_.second_torn += flash.torn();
            flash.power_on();
            if (!check(flash, before, after, what + ", then recovery " + std::to_string(j) + ", " + name_of(tear)))
                return false;
        }
    }

    void report(const char* name) {
        std::printf(
            "[ sweep    ] unit %3u, %s: %llu cuts (%llu torn), in recovery %llu (%llu torn), before %llu, after %llu\n",
            GetParam(), name, static_cast<unsigned long long>(counts_.cuts),
            static_cast<unsigned long long>(counts_.torn), static_cast<unsigned long long>(counts_.second_cuts),
            static_cast<unsigned long long>(counts_.second_torn), static_cast<unsigned long long>(counts_.before),
            static_cast<unsigned long long>(counts_.after));
    }

    Counts counts_;
    bool reported_ = false;
};

TEST_P(Sweep, EveryOperationOfEveryChangeOfTheStore) {
    for (const auto& scenario : kScenarios) {
        counts_ = {};
        sweep(scenario);
        report(scenario.name);
        if (HasFailure()) return;
        EXPECT_GT(counts_.torn, 0U) << scenario.name << ": nothing tore";
        EXPECT_GT(counts_.before, 0U) << scenario.name;
        EXPECT_GT(counts_.after, 0U) << scenario.name;
    }
}

// Random changes, cut at random, one after another on the same flash: what a long life leaves behind.
TEST_P(Sweep, ALongLifeOfRandomChangesAndCuts) {
    FlashModel flash({4096, kSectors, GetParam()});
    std::mt19937 random(GetParam());
    Model model;
    auto store = std::make_unique<Store>(flash, kRing);
    ASSERT_TRUE(store->format());
    const auto one_change = [&](Store& s, Model& m, std::mt19937& r) {
        const auto id = static_cast<ObjectId>(1 + r() % 7);
        const bool secret = id <= 3;
        switch (r() % 8) {
            case 0:
                return s.remove(id).ok() && (m.erase(id), true);
            case 1:
                return stream(s, m, 0x40, pattern(r() % 9000, r()), 1 + r() % 3000);
            case 2: {
                auto t = s.begin(3000, 3);
                if (!t) return false;
                const Value a = pattern(r() % 1000, r());
                const Value b = pattern(r() % 1000, r());
                if (!t->put(1, a, Sensitivity::secret) || !t->put(5, b) || !t->remove(6)) return false;
                if (r() % 4 == 0) return true;  // dropped
                if (!t->commit()) return false;
                m[1] = {a, true};
                m[5] = {b, false};
                m.erase(6);
                return true;
            }
            case 3:
                return put(s, m, id, pattern(r() % 5000, r()), secret);
            default:
                return put(s, m, id, pattern(r() % 400, r()), secret);
        }
    };
    std::uint64_t kept = 0;
    for (int step = 0; step < 4000; ++step) {
        const std::uint32_t seed = random();
        const Model before = model;
        Model after = model;
        // The change is drawn from its own seed, so that what it would have led to is known without running it.
        if (random() % 3 != 0) flash.cut_in(random() % 40, kAllTears[random() % std::size(kAllTears)], seed);
        std::mt19937 draw(seed);
        const bool done = one_change(*store, after, draw);
        if (!flash.dead()) {
            ASSERT_TRUE(done) << "step " << step;
            flash.power_on();
            model = after;
            if (random() % 4 == 0) {
                store = std::make_unique<Store>(flash, kRing);
                ASSERT_TRUE(store->mount()) << "step " << step;
            }
            ASSERT_TRUE(content(*store, model, model) == model) << "step " << step;
            continue;
        }
        ++counts_.cuts;
        counts_.torn += flash.torn();
        if (!done) {  // what it would have become: the same change on a part without a cut
            FlashModel other({4096, kSectors, GetParam()});
            Store rehearsal(other, kRing);
            ASSERT_TRUE(rehearsal.format());
            Model scratch;
            for (const auto& [id, object] : before)
                ASSERT_TRUE(put(rehearsal, scratch, id, object.value, object.secret));
            after = before;
            std::mt19937 again(seed);
            ASSERT_TRUE(one_change(rehearsal, after, again));
        }
        // Cut the recovery too, up to three times.
        for (int again = 0; again < 3 && random() % 2 == 0; ++again) {
            flash.power_on();
            flash.cut_in(random() % 6, kAllTears[random() % std::size(kAllTears)], random());
            Store recovering(flash, kRing);
            (void)recovering.mount();
            if (!flash.dead()) break;
            ++counts_.second_cuts;
            counts_.second_torn += flash.torn();
        }
        flash.power_on();
        store = std::make_unique<Store>(flash, kRing);
        const auto mounted = store->mount();
        ASSERT_TRUE(mounted) << "step " << step << ": " << static_cast<int>(mounted.error());
        const Model found = content(*store, before, after);
        const bool is_after = found == after;
        ASSERT_TRUE(is_after || (!done && found == before)) << "step " << step;
        kept += is_after ? 1 : 0;
        ASSERT_FALSE(holds_secret_of(flash, is_after ? before : after, found)) << "step " << step;
        model = found;
    }
    report("long life");
    EXPECT_GT(counts_.torn, 100U);
    EXPECT_GT(counts_.second_torn, 50U);
    EXPECT_GT(kept, 50U);
}

// Tries: a cut may cost some, and never gives one.
TEST_P(Sweep, EveryOperationOfTheTryLog) {
    constexpr std::uint16_t kEpoch = 0x0107;
    FlashModel flash({4096, 2, GetParam()});
    auto log = std::make_unique<TryLog>(flash, SectorRange{0, 2});
    ASSERT_TRUE(log->format());
    std::mt19937 random(GetParam());
    std::uint64_t swaps_cut = 0;
    // Goes on until the log has been swapped a few times, cutting every operation of every call on the way.
    int swaps = 0;
    for (std::uint32_t call = 0; swaps < 3; ++call) {
        ASSERT_TRUE(log->mount());
        const bool clears = call % 3 == 2;
        const auto act = [&](TryLog& l) {
            return clears ? l.clear(TryReference::pin, kEpoch).ok() : l.spend(TryReference::pin, kEpoch).ok();
        };
        const int before = log->spent(TryReference::pin, kEpoch);
        const int code_before = log->spent(TryReference::code, 5);
        const auto start = flash.state();
        const auto counted = flash.operations();
        ASSERT_TRUE(act(*log));
        const bool swapped = flash.operations() - counted > 2;
        swaps += swapped ? 1 : 0;
        // Where slots are small there are hundreds of the same; all of those that swap, and some of the others.
        const bool interesting = swapped || call < 30 || call % 16 == 0;
        for (std::uint64_t k = 0; interesting; ++k) {
            bool over = false;
            for (std::uint32_t variant = 0; variant < kVariants && !over; ++variant) {
                flash.restore(start);
                TryLog cut(flash, {0, 2});
                ASSERT_TRUE(cut.mount());
                flash.cut_in(k, kVariantTears[variant], random());
                const bool done = act(cut);
                if (!flash.dead()) {
                    over = true;
                    break;
                }
                ++counts_.cuts;
                counts_.torn += flash.torn();
                swaps_cut += flash.last().is_erase ? 1 : 0;
                for (int again = 0; again < 3; ++again) {
                    flash.power_on();
                    TryLog recovering(flash, {0, 2});
                    if (again < 2) flash.cut_in(random() % 4, kAllTears[random() % std::size(kAllTears)], random());
                    const auto mounted = recovering.mount();
                    if (flash.dead()) {
                        ++counts_.second_cuts;
                        counts_.second_torn += flash.torn();
                        continue;
                    }
                    ASSERT_TRUE(mounted) << "call " << call << ", operation " << k;
                    const int spent = recovering.spent(TryReference::pin, kEpoch);
                    const int least = clears ? 0 : done ? before + 1 : before;
                    ASSERT_GE(spent, least) << "a try gained: call " << call << ", operation " << k;
                    ASSERT_LE(spent, before + 1) << "call " << call << ", operation " << k;
                    ASSERT_GE(recovering.spent(TryReference::code, 5), code_before);
                    ASSERT_LE(recovering.spent(TryReference::code, 5), code_before + 1);
                    ASSERT_EQ(recovering.spent(TryReference::code, 6), 0);
                    if (again < 2) continue;
                    ASSERT_TRUE(recovering.spend(TryReference::puk, 1)) << "not usable";
                    ASSERT_GE(recovering.spent(TryReference::puk, 1), 1);
                }
            }
            if (over) break;
        }
        flash.restore(start);
        log = std::make_unique<TryLog>(flash, SectorRange{0, 2});
        ASSERT_TRUE(log->mount());
        if (call % 40 == 0) {
            ASSERT_TRUE(log->spend(TryReference::code, 5));
        }
        ASSERT_TRUE(act(*log));
    }
    report("try log");
    EXPECT_GT(counts_.torn, 100U);
    EXPECT_GT(swaps_cut, 10U) << "no swap was cut";
}

INSTANTIATE_TEST_SUITE_P(Units, Sweep, testing::Values(4, 8, 16, 256),
                         [](const auto& unit) { return "Unit" + std::to_string(unit.param); });

}  // namespace
}  // namespace sealkey::store
