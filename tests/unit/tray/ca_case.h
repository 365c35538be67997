// A CA's folder for a suite, and a blank key with an empty inventory for each test.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "bench/issue.h"
#include "ca/channel_master.h"
#include "support/renewal_desk.h"

namespace sealkey::bench {

inline const std::string kFolderPassphrase = "a long passphrase for tests";

inline Bytes bytes(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

class CaCase : public ::testing::Test {
protected:
    static void SetUpTestSuite() { make_ca(""); }
    static void TearDownTestSuite() {
        keys_.reset();
        authority_.reset();
        std::filesystem::remove_all(folder_);
    }
    static void make_ca(const std::string& key_centre) {
        // In memory where there is such a place: what is tested is the order of things, not the disk.
        namespace fs = std::filesystem;
        folder_ = (fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) / "sealkey-XXXXXX";
        ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
        ca::Settings settings;
        settings.name = "CA";
        settings.key_centre = key_centre;
        ca::Authority::create(folder_ + "/ca", settings, bytes(kFolderPassphrase), ca::now());
        authority_.emplace(folder_ + "/ca");
        keys_.emplace(*authority_, bytes(kFolderPassphrase));
    }
    static std::string path() { return folder_ + "/inventory.sqlite"; }

    void fresh(std::uint64_t seed) {
        inventory_.reset();
        std::filesystem::remove(path());
        token_ = std::make_unique<testing::TestToken>(platform::FlashGeometry{4096, 128, 256}, seed);
        token_->manufacture();
    }
    void TearDown() override { inventory_.reset(); }

    // The one order of these tests, as one run of the bench does it.
    IssueResult issue(token::Token& client, IssueInput input, const StepBegins& begins) {
        BirthRecord birth;
        birth.chip_id = "0123456789ABCDEF";
        birth.transport_keys = testing::transport_channel_keys();
        input.order.enterprise_name = "福建示例进出口有限公司";
        input.order.unified_code = "91350100M000100Y43";
        input.order.login_name = "FJSL";
        input.order.algorithm = "p256";
        input.operator_name = "bench";
        input.birth = &birth;
        IssueJob job(*inventory_, *authority_, *keys_, client, std::move(input));
        return job.run(begins);
    }

    inline static std::string folder_;
    inline static std::optional<ca::Authority> authority_;
    inline static std::optional<BenchKeys> keys_;
    std::unique_ptr<Inventory> inventory_;
    std::unique_ptr<testing::TestToken> token_;
};

}  // namespace sealkey::bench
