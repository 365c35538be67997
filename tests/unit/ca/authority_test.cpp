// A CA in its directory.
#include "ca/authority.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "ca/sealed_file.h"
#include "unit/ca/refusal.h"

namespace sealkey::ca {
namespace {

namespace fs = std::filesystem;

class InADirectory : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "sealkey-ca-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        top_ = pattern;
        dir_ = top_ + "/ca";
    }
    void TearDown() override { fs::remove_all(top_); }
    void create(const std::string& key_type = "p256") {
        Settings settings;
        settings.name = "示例电子钥匙服务商";
        settings.key_type = key_type;
        Authority::create(dir_, settings, kPassphrase, kNow);
    }
    std::string top_, dir_;
};

TEST_F(InADirectory, HasADeviceRootAndTrustsOthersThatAreRootsAlone) {
    create();
    {
        const Authority ca(dir_);
        ASSERT_EQ(ca.device_roots().size(), 1u);
        EXPECT_EQ(ca.device_roots()[0].get(), ca.device_root());
        EXPECT_NO_THROW(check_certificate(ca.device_root(), ca.device_root(), kNow));
        EXPECT_TRUE(ca.device_root_key(kPassphrase));
        EXPECT_EQ(fault_of([&] { (void)ca.device_root_key(bytes_of("wrong horse")); }), Fault::bad_passphrase);
    }
    // Another maker's root, put beside by hand.
    const PKey key = generate_key("p256");
    const Cert other = make_authority_certificate(
        {AuthorityKind::device_root, "Another Maker", "Root", kNow, kNow + std::chrono::hours(1)}, key.get(), nullptr,
        key.get());
    fs::create_directory(dir_ + "/device-roots");
    write_file(dir_ + "/device-roots/other.pem", pem_of(other.get()), false);
    write_file(dir_ + "/device-roots/README", "no certificate, and no .pem either", false);
    {
        const Authority ca(dir_);
        ASSERT_EQ(ca.device_roots().size(), 2u);
        EXPECT_EQ(ca.device_roots()[0].get(), ca.device_root());
        EXPECT_EQ(der_of(ca.device_roots()[1].get()), der_of(other.get()));
        // What isn't a root isn't trusted by lying there.
        const Cert below = make_authority_certificate(
            {AuthorityKind::issuing, "Another Maker", "Below", kNow, kNow + std::chrono::hours(1)}, key.get(),
            other.get(), key.get());
        write_file(dir_ + "/device-roots/below.pem", pem_of(below.get()), false);
    }
    EXPECT_EQ(fault_of([&] { const Authority ca(dir_); }), Fault::corrupt);
    write_file(dir_ + "/device-roots/below.pem", "damaged", false);
    EXPECT_EQ(fault_of([&] { const Authority ca(dir_); }), Fault::corrupt);
}

TEST_F(InADirectory, OneMadeBeforeDeviceRootsGetsOne) {
    create();
    fs::remove(dir_ + "/device-root.pem");
    fs::remove(dir_ + "/device-root.key");
    Authority ca(dir_);
    EXPECT_TRUE(ca.device_roots().empty());
    EXPECT_EQ(fault_of([&] { (void)ca.device_root(); }), Fault::unknown);
    EXPECT_EQ(fault_of([&] { (void)ca.device_root_key(kPassphrase); }), Fault::unknown);
    EXPECT_EQ(fault_of([&] { ca.add_device_root(bytes_of("wrong horse"), kNow); }), Fault::bad_passphrase);
    EXPECT_FALSE(fs::exists(dir_ + "/device-root.key"));
    ca.add_device_root(kPassphrase, kNow);
    EXPECT_TRUE(ca.device_root_key(kPassphrase));
    const std::string before = read_file(dir_ + "/device-root.pem");
    EXPECT_EQ(fault_of([&] { ca.add_device_root(kPassphrase, kNow); }), Fault::exists);
    EXPECT_EQ(read_file(dir_ + "/device-root.pem"), before);
    EXPECT_TRUE(Authority(dir_).device_root_key(kPassphrase));
}

TEST_F(InADirectory, MakesAWorkingAuthority) {
    create();
    const Authority ca(dir_);
    EXPECT_NO_THROW(check_certificate(ca.issuing(), ca.root(), kNow));
    EXPECT_TRUE(ca.issuing_key(kPassphrase));
    EXPECT_TRUE(EVP_PKEY_is_a(ca.seal_maker_key(kPassphrase).get(), "SM2"));
    const Masters masters = ca.masters(kPassphrase);
    EXPECT_EQ(masters.key_version, 1);
    EXPECT_FALSE(equal(masters.unlock.bytes(), masters.management.bytes()));
    for (const char* name :
         {"root.key", "issuing.key", "seal-root.key", "seal-maker.key", "device-root.key", "masters.json"}) {
        struct stat st {};
        ASSERT_EQ(::stat((dir_ + "/" + name).c_str(), &st), 0) << name;
        EXPECT_EQ(st.st_mode & 0777, 0600U) << name;
    }
    struct stat st {};
    ASSERT_EQ(::stat(dir_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0700U);
}

TEST_F(InADirectory, TwoAuthoritiesShareNoMasters) {
    create();
    const auto first = hex(Authority(dir_).masters(kPassphrase).unlock.bytes());
    fs::remove_all(dir_);
    create();
    EXPECT_NE(first, hex(Authority(dir_).masters(kPassphrase).unlock.bytes()));
}

TEST_F(InADirectory, WrongPassphraseOpensNothing) {
    create();
    const Authority ca(dir_);
    for (const Bytes wrong : {bytes_of("correct horsE"), bytes_of(""), bytes_of("correct horse ")}) {
        EXPECT_EQ(fault_of([&] { (void)ca.issuing_key(wrong); }), Fault::bad_passphrase);
        EXPECT_EQ(fault_of([&] { (void)ca.seal_maker_key(wrong); }), Fault::bad_passphrase);
        EXPECT_EQ(fault_of([&] { (void)ca.masters(wrong); }), Fault::bad_passphrase);
    }
}

TEST_F(InADirectory, NoSecretStandsInAnyFileInTheClear) {
    create();
    const auto unlock = Authority(dir_).masters(kPassphrase);
    const auto raw = unlock.unlock.bytes();
    for (const auto& entry : fs::directory_iterator(dir_)) {
        const std::string content = read_file(entry.path());
        EXPECT_EQ(content.find("BEGIN PRIVATE KEY"), std::string::npos) << entry.path();
        EXPECT_EQ(content.find("BEGIN EC PRIVATE KEY"), std::string::npos) << entry.path();
        EXPECT_EQ(content.find(hex(raw)), std::string::npos) << entry.path();
        EXPECT_EQ(content.find("correct horse"), std::string::npos) << entry.path();
    }
}

TEST_F(InADirectory, NothingIsOverwritten) {
    create();
    const auto before = read_file(dir_ + "/issuing.pem");
    EXPECT_EQ(fault_of([&] { create(); }), Fault::exists);
    EXPECT_EQ(read_file(dir_ + "/issuing.pem"), before);
    std::ofstream(top_ + "/file") << "x";
    dir_ = top_ + "/file";
    EXPECT_EQ(fault_of([&] { create(); }), Fault::exists);
}

TEST_F(InADirectory, BadSettingsLeaveNothingBehind) {
    const auto with = [&](auto change) {
        Settings settings;
        settings.name = "CA";
        change(settings);
        return fault_of([&] { Authority::create(dir_, settings, kPassphrase, kNow); });
    };
    EXPECT_EQ(with([](Settings& s) { s.name = ""; }), Fault::bad_argument);
    EXPECT_EQ(with([](Settings& s) { s.name = std::string(65, 'n'); }), Fault::bad_argument);
    EXPECT_EQ(with([](Settings& s) { s.key_type = "rsa1024"; }), Fault::bad_argument);
    EXPECT_EQ(with([](Settings& s) { s.crl_url = "ftp://x"; }), Fault::bad_argument);
    EXPECT_EQ(with([](Settings& s) { s.crl_url = "http://x,URI:http://evil"; }), Fault::bad_argument);
    for (const char* bad : {"ftp://x", "http://", "https://", "ocsp.example.cn", "http://x y", "http://x;1",
                            "http://x,URI:http://evil", "http://x\n", "http://\xE4\xBE\x8B.cn"}) {
        EXPECT_EQ(with([&](Settings& s) { s.ocsp_url = bad; }), Fault::bad_argument) << bad;
        EXPECT_EQ(with([&](Settings& s) { s.crl_url = bad; }), Fault::bad_argument) << bad;
    }
    EXPECT_EQ(with([](Settings& s) { s.code_extension = "hello"; }), Fault::bad_argument);
    EXPECT_EQ(with([](Settings& s) { s.issuing_days = s.root_days + 1; }), Fault::bad_argument);
    EXPECT_EQ(with([](Settings& s) { s.certificate_days = 0; }), Fault::bad_argument);
    Settings settings;
    settings.name = "CA";
    EXPECT_EQ(fault_of([&] { Authority::create(dir_, settings, bytes_of("short"), kNow); }), Fault::bad_passphrase);
    EXPECT_TRUE(fs::is_empty(top_));
}

TEST_F(InADirectory, DamagedOrExchangedFilesAreRefused) {
    create();
    fs::copy_file(dir_ + "/root.key", dir_ + "/issuing.key", fs::copy_options::overwrite_existing);
    EXPECT_EQ(fault_of([&] { (void)Authority(dir_).issuing_key(kPassphrase); }), Fault::corrupt);
    write_file(dir_ + "/issuing.pem", "no certificate", false);
    EXPECT_EQ(fault_of([&] { (void)Authority(dir_); }), Fault::corrupt);
    write_file(dir_ + "/ca.json", "{}", false);
    EXPECT_EQ(fault_of([&] { (void)Authority(dir_); }), Fault::corrupt);
    fs::remove(dir_ + "/ca.json");
    EXPECT_EQ(fault_of([&] { (void)Authority(dir_); }), Fault::file);
}

}  // namespace
}  // namespace sealkey::ca
