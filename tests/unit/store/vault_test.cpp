// The key hierarchy: what opens with which secret, and what must not.
#include "store/vault.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "crypto/arena.h"
#include "support/flash_model.h"

namespace sealkey::store {
namespace {

class CountingEntropy final : public platform::Entropy {
public:
    bool fill(MutableBytes out) override {
        for (auto& b : out) b = static_cast<std::uint8_t>(random_());
        return true;
    }

private:
    std::mt19937 random_{7};
};

class FixedSecret final : public platform::DeviceSecret {
public:
    explicit FixedSecret(std::uint8_t value) : value_(value) {}
    void read(std::span<std::uint8_t, kSize> out) override {
        for (auto& b : out) b = value_;
    }

private:
    std::uint8_t value_;
};

class VaultTest : public testing::Test {
protected:
    VaultTest()
        : flash_({4096, 16, 256}),
          store_(flash_, {0, 16}),
          drbg_(entropy_),
          secret_(1),
          other_secret_(2),
          vault_(store_, drbg_, secret_),
          stolen_(store_, drbg_, other_secret_) {}
    void SetUp() override {
        crypto::init_arena();
        ASSERT_TRUE(drbg_.seed());
        ASSERT_TRUE(store_.format());
        auto t = store_.begin(4 * Vault::kWrapObjectSize, 4);
        ASSERT_TRUE(t);
        auto dek = vault_.create(*t);
        ASSERT_TRUE(dek);
        ASSERT_TRUE(vault_.set_wrap(*t, WrapReference::pin, pin_, *dek, 5));
        ASSERT_TRUE(t->commit());
        dek_ = std::move(*dek);
    }

    static Bytes text(const char* s) { return {reinterpret_cast<const std::uint8_t*>(s), std::strlen(s)}; }

    test::FlashModel flash_;
    Store store_;
    CountingEntropy entropy_;
    crypto::Drbg drbg_;
    FixedSecret secret_, other_secret_;
    Vault vault_, stolen_;
    Dek dek_;
    const Bytes pin_ = text("31415926");
    const Bytes other_ = text("27182818");
};

TEST_F(VaultTest, TheRightPinOpensAndOnlyThat) {
    const auto opened = vault_.open(WrapReference::pin, pin_);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(equal(opened->bytes(), dek_.bytes()));
    EXPECT_EQ(vault_.open(WrapReference::pin, other_).error(), Error::wrong_secret);
    EXPECT_EQ(vault_.open(WrapReference::pin, {}).error(), Error::wrong_secret);
    EXPECT_EQ(vault_.open(WrapReference::puk, pin_).error(), Error::not_found);
    EXPECT_EQ(stolen_.open(WrapReference::pin, pin_).error(), Error::wrong_secret) << "another device's secret";
    EXPECT_EQ(stolen_.open_by_system().error(), Error::wrong_secret);
    const auto by_system = vault_.open_by_system();
    ASSERT_TRUE(by_system);
    EXPECT_TRUE(equal(by_system->bytes(), dek_.bytes()));
    EXPECT_EQ(*vault_.epoch(WrapReference::pin), 5);
    EXPECT_EQ(vault_.epoch(WrapReference::puk).error(), Error::not_found);
}

TEST_F(VaultTest, AChangedPinLeavesNoOldWrapInFlash) {
    std::vector<std::uint8_t> old(80);
    ASSERT_TRUE(store_.read(kFirstVaultId + 1, 0, old));
    auto t = store_.begin(Vault::kWrapObjectSize, 1);
    ASSERT_TRUE(t);
    ASSERT_TRUE(vault_.set_wrap(*t, WrapReference::pin, other_, dek_, 6));
    ASSERT_TRUE(t->commit());
    EXPECT_FALSE(flash_.holds(Bytes(old).subspan(4, 16)));
    EXPECT_FALSE(flash_.holds(Bytes(old).subspan(32)));
    EXPECT_EQ(vault_.open(WrapReference::pin, pin_).error(), Error::wrong_secret);
    EXPECT_TRUE(vault_.open(WrapReference::pin, other_));
    EXPECT_EQ(*vault_.epoch(WrapReference::pin), 6);
}

TEST_F(VaultTest, ADroppedWrapIsGone) {
    std::vector<std::uint8_t> old(80);
    ASSERT_TRUE(store_.read(kFirstVaultId + 1, 0, old));
    auto t = store_.begin(Vault::kWrapObjectSize, 1);
    ASSERT_TRUE(t);
    ASSERT_TRUE(vault_.drop_wrap(*t, WrapReference::pin));
    ASSERT_TRUE(t->commit());
    EXPECT_FALSE(vault_.has_wrap(WrapReference::pin));
    EXPECT_FALSE(flash_.holds(Bytes(old).subspan(32)));
    EXPECT_TRUE(vault_.open_by_system());
}

TEST_F(VaultTest, SealsOpenOnlyWhereTheyBelong) {
    const std::vector<std::uint8_t> key(1200, 0xA5);
    auto t = store_.begin(4 * (1200 + Vault::kOverhead), 4);
    ASSERT_TRUE(t);
    ASSERT_TRUE(vault_.seal(*t, 0x9A, key, dek_));
    ASSERT_TRUE(vault_.seal_by_device(*t, 0x9E, key));
    ASSERT_TRUE(t->commit());
    EXPECT_FALSE(flash_.holds(Bytes(key).first(16))) << "no plain key in flash";
    std::vector<std::uint8_t> out(Vault::kMaxPlain);
    ASSERT_EQ(*vault_.unseal(0x9A, dek_, out), key.size());
    EXPECT_TRUE(equal(Bytes(out).first(key.size()), key));
    ASSERT_EQ(*vault_.unseal_by_device(0x9E, out), key.size());
    EXPECT_EQ(vault_.unseal(0x9E, dek_, out).error(), Error::wrong_secret);
    EXPECT_EQ(vault_.unseal_by_device(0x9A, out).error(), Error::wrong_secret);
    EXPECT_EQ(stolen_.unseal_by_device(0x9E, out).error(), Error::wrong_secret);
    EXPECT_EQ(vault_.unseal(0x9C, dek_, out).error(), Error::not_found);
    EXPECT_EQ(vault_.unseal(0x9A, dek_, MutableBytes(out).first(1199)).error(), Error::too_large);
    // A sealed key moved to another id, or altered, doesn't open.
    std::vector<std::uint8_t> sealed(*store_.size(0x9A));
    ASSERT_TRUE(store_.read(0x9A, 0, sealed));
    ASSERT_TRUE(store_.put(0x9C, sealed, Sensitivity::secret));
    EXPECT_EQ(vault_.unseal(0x9C, dek_, out).error(), Error::wrong_secret);
    sealed[600] ^= 1;
    ASSERT_TRUE(store_.put(0x9A, sealed, Sensitivity::secret));
    EXPECT_EQ(vault_.unseal(0x9A, dek_, out).error(), Error::wrong_secret);
}

TEST_F(VaultTest, RefusesWhatIsTooLongAndItsOwnIds) {
    const std::vector<std::uint8_t> key(Vault::kMaxPlain + 1);
    auto t = store_.begin(4096, 4);
    ASSERT_TRUE(t);
    EXPECT_EQ(vault_.seal(*t, 1, key, dek_).error(), Error::invalid);
    EXPECT_EQ(vault_.seal(*t, kFirstVaultId, Bytes(key).first(10), dek_).error(), Error::invalid);
    EXPECT_EQ(vault_.seal(*t, 1, Bytes(key).first(10), Dek()).error(), Error::invalid);
}

}  // namespace
}  // namespace sealkey::store
