// Certificates that the module keeps on disk: fewer commands, never another content, and no trouble whatever becomes of
// the folder.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "module.h"
#include "token/certificate_object.h"

namespace sealkey::test {
namespace {

namespace fs = std::filesystem;

// Each start() is a new program: nothing is left of the one before but the disk.
class DiskCacheTest : public ModuleTest {
protected:
    DiskCacheTest() {
        key_.personalise();
        base_ = (fs::temp_directory_path() / "sealkey-cache-XXXXXX").string();
        if (::mkdtemp(base_.data()) == nullptr) throw std::runtime_error("mkdtemp");
        use_folder(base_ + "/cache");
    }
    ~DiskCacheTest() override {
        p11_.C_Finalize(nullptr);
        ::setenv("SEALKEY_CACHE", "off", 1);
        ::unsetenv("SEALKEY_APDU");
        std::error_code error;
        fs::remove_all(base_, error);
    }
    void use_folder(const std::string& folder) {
        folder_ = folder;
        ::setenv("SEALKEY_CACHE", folder.c_str(), 1);
    }
    CK_SESSION_HANDLE start() {
        p11_.C_Finalize(nullptr);
        EXPECT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
        sent_ = key_.apdus();
        return open();
    }
    [[nodiscard]] std::size_t sent() { return key_.apdus() - sent_; }
    [[nodiscard]] std::optional<ByteVector> login_certificate() {
        const auto session = start();
        return attribute(session, object(session, CKO_CERTIFICATE, kLogin), CKA_VALUE);
    }
    [[nodiscard]] std::vector<fs::path> files() const {
        std::vector<fs::path> found;
        if (!fs::exists(folder_)) return found;
        for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path());
        return found;
    }
    static void write(const fs::path& path, const ByteVector& content) {
        std::ofstream(path, std::ios::binary | std::ios::trunc)
            .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    }
    static ByteVector read(const fs::path& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::string base_;
    std::string folder_;
    std::size_t sent_ = 0;
};

TEST_F(DiskCacheTest, SecondProgramReadsNoCertificateAndLogsInWithAtMostThreeCommands) {
    for (const bool extended : {false, true}) {
        ::setenv("SEALKEY_APDU", extended ? "extended" : "short", 1);
        ASSERT_TRUE(login_certificate());
        const auto session = start();
        ASSERT_EQ(login(session, kPin), CKR_OK);
        const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
        EXPECT_FALSE(attribute(session, object(session, CKO_CERTIFICATE, kLogin), CKA_VALUE)->empty());
        ASSERT_TRUE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage));
        std::printf("login and first signature, warm, certificate included: %zu APDUs, %s\n", sent(),
                    extended ? "extended" : "short");
        EXPECT_LE(sent(), extended ? 3U : 5U);
    }
}

TEST_F(DiskCacheTest, FilesAreTheUsersAlone) {
    const ::mode_t before = ::umask(0);
    ASSERT_TRUE(login_certificate());
    ::umask(before);
    struct stat about {};
    ASSERT_EQ(::stat(folder_.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777U, 0700U);
    ASSERT_EQ(files().size(), 1U);
    ASSERT_EQ(::stat(files()[0].c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 07777U, 0600U);
}

TEST_F(DiskCacheTest, DamagedOrForeignContentIsNotTakenAndIsMended) {
    const auto good = login_certificate();
    ASSERT_TRUE(good);
    ASSERT_EQ(files().size(), 1U);
    const fs::path file = files()[0];
    const ByteVector content = read(file);
    ByteVector flipped = content;
    flipped[flipped.size() / 2] ^= 1;
    const ByteVector other = token::object_of_certificate(certificate_for(rsa_key(), "Somebody else"));
    const ByteVector longer(200 * 1024, 0x30);
    for (const ByteVector& wrong :
         {flipped, other, ByteVector{}, ByteVector(content.begin(), content.end() - 1), longer}) {
        write(file, wrong);
        EXPECT_EQ(login_certificate(), good);
        EXPECT_GE(sent(), 2U);  // the token was asked
        EXPECT_EQ(read(file), content);
        EXPECT_EQ(login_certificate(), good);
        EXPECT_EQ(sent(), 1U);  // its status alone
    }
}

TEST_F(DiskCacheTest, Lesson12_RenewedCertificateIsSeenAndNotTheOldOneOfTheDisk) {
    const auto old = login_certificate();
    const ByteVector renewed = certificate_for(rsa_key(), "Login of another clerk");
    {
        const auto bench = key_.client();
        key_.authenticate(*bench);
        bench->write_certificate(0x9A, renewed);
    }
    EXPECT_EQ(login_certificate(), renewed);
    EXPECT_NE(old, renewed);
    EXPECT_EQ(files().size(), 2U);
}

TEST_F(DiskCacheTest, FolderThatOthersMayWriteInOrThatIsALinkIsNotUsed) {
    fs::create_directories(base_ + "/open");
    ASSERT_EQ(::chmod((base_ + "/open").c_str(), 0777), 0);
    use_folder(base_ + "/open");
    ASSERT_TRUE(login_certificate());
    EXPECT_TRUE(files().empty());

    fs::create_directories(base_ + "/target");
    fs::create_directory_symlink(base_ + "/target", base_ + "/link");
    use_folder(base_ + "/link");
    ASSERT_TRUE(login_certificate());
    EXPECT_TRUE(files().empty());
}

TEST_F(DiskCacheTest, LinkOrPipeInAFilesPlaceIsNotRead) {
    const auto good = login_certificate();
    const fs::path file = files().at(0);
    fs::rename(file, base_ + "/elsewhere");
    fs::create_symlink(base_ + "/elsewhere", file);
    EXPECT_EQ(login_certificate(), good);
    EXPECT_GE(sent(), 2U);
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(file)));  // ours again
    fs::remove(file);
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    EXPECT_EQ(login_certificate(), good);
}

TEST_F(DiskCacheTest, PlaceWhereNoFolderCanBeIsNoTrouble) {
    write(base_ + "/file", {1});
    for (const std::string& folder : {base_ + "/file/below", std::string("/proc/nowhere"), std::string("relative")}) {
        use_folder(folder);
        EXPECT_TRUE(login_certificate()) << folder;
        EXPECT_TRUE(files().empty());
    }
}

TEST_F(DiskCacheTest, DiskThatTakesNothingIsNoTroubleAndLeavesNothing) {
    ASSERT_EQ(::mkdir(folder_.c_str(), 0700), 0);
    const auto former = std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    const rlimit nothing{100, limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &nothing), 0);
    const auto certificate = login_certificate();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    std::signal(SIGXFSZ, former);
    EXPECT_TRUE(certificate);
    EXPECT_TRUE(files().empty());
}

TEST_F(DiskCacheTest, OffKeepsNothingAndReadsNothing) {
    const auto good = login_certificate();
    ::setenv("SEALKEY_CACHE", "off", 1);
    EXPECT_EQ(login_certificate(), good);
    EXPECT_GE(sent(), 2U);
    EXPECT_EQ(files().size(), 1U);
}

TEST_F(DiskCacheTest, WithoutASettingItIsInTheUsersCacheFolder) {
    ::unsetenv("SEALKEY_CACHE");
    const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
    ::setenv("HOME", base_.c_str(), 1);
    ::unsetenv("XDG_CACHE_HOME");
    EXPECT_TRUE(login_certificate());
    folder_ = base_ + "/.cache/sealkey/certificates";
    EXPECT_EQ(files().size(), 1U);
    ::setenv("XDG_CACHE_HOME", (base_ + "/xdg").c_str(), 1);
    EXPECT_TRUE(login_certificate());
    folder_ = base_ + "/xdg/sealkey/certificates";
    EXPECT_EQ(files().size(), 1U);
    ::unsetenv("XDG_CACHE_HOME");
    ::setenv("HOME", home.c_str(), 1);
}

TEST_F(DiskCacheTest, OldestGoWhenThereAreTooManyAndForeignFilesStay) {
    ASSERT_EQ(::mkdir(folder_.c_str(), 0700), 0);
    const auto old = fs::file_time_type::clock::now() - std::chrono::hours(24);
    const auto name = [](int i) {
        const std::string number = std::to_string(1000 + i);
        return std::string(32 - number.size(), 'a') + number;
    };
    const auto put = [&](const std::string& file, int i) {
        write(folder_ + "/" + file, {1});
        fs::last_write_time(folder_ + "/" + file, old + std::chrono::seconds(i));
    };
    for (int i = 0; i < 300; ++i) {
        put(name(i), i);
        put("document " + std::to_string(i), -i);
    }
    put(name(300) + ".Ab12Cd", -1);  // left half-written
    const std::vector<std::string> foreign{std::string(32, 'x'), std::string(32, 'A'),    name(0) + ".p7s",
                                           name(0).substr(1),    "." + name(0).substr(1), name(0) + "0",
                                           name(0) + "-Ab12Cd"};
    for (const std::string& file : foreign) put(file, -2);
    fs::create_directory(folder_ + "/" + std::string(32, 'b'));
    ASSERT_TRUE(login_certificate());
    EXPECT_EQ(files().size(), 256U + 300U + foreign.size() + 1);
    EXPECT_FALSE(fs::exists(folder_ + "/" + name(0)));
    EXPECT_FALSE(fs::exists(folder_ + "/" + name(300) + ".Ab12Cd"));
    EXPECT_TRUE(fs::exists(folder_ + "/" + name(299)));
    for (const std::string& file : foreign) EXPECT_TRUE(fs::exists(folder_ + "/" + file)) << file;
    ASSERT_TRUE(login_certificate());
    EXPECT_EQ(sent(), 1U);
}

TEST_F(DiskCacheTest, CertificateThatIsntWhatTheStatusToldOfIsNotKept) {
    const auto write_login = [&](const ByteVector& certificate) {
        const auto bench = key_.client();
        key_.authenticate(*bench);
        bench->write_certificate(0x9A, certificate);
    };
    const auto good = login_certificate();
    ASSERT_TRUE(good);
    for (const bool disk : {false, true}) {
        use_folder(base_ + (disk ? "/fresh" : "/none"));
        if (!disk) ::setenv("SEALKEY_CACHE", "off", 1);
        const auto session = start();  // knows the fingerprint of the good one
        write_login(certificate_for(rsa_key(), "Somebody else"));
        EXPECT_NE(attribute(session, object(session, CKO_CERTIFICATE, kLogin), CKA_VALUE), good);
        write_login(*good);
        key_.unplug();
        CK_ULONG count = 0;
        ASSERT_EQ(p11_.C_GetSlotList(CK_TRUE, nullptr, &count), CKR_OK);
        ASSERT_EQ(count, 0U);
        key_.plug();
        const auto later = open();
        EXPECT_EQ(attribute(later, object(later, CKO_CERTIFICATE, kLogin), CKA_VALUE), good);
    }
}

TEST_F(DiskCacheTest, ProgramsThatWriteAtOnceAllReadTheRightOne) {
    const auto good = login_certificate();
    p11_.C_Finalize(nullptr);
    fs::remove_all(folder_);
    std::vector<pid_t> children;
    for (int i = 0; i < 6; ++i) {
        const pid_t child = ::fork();
        if (child != 0) {
            children.push_back(child);
            continue;
        }
        int wrong = 0;
        for (int round = 0; round < 10; ++round) {
            // One of them takes the files away from under the others.
            if (i == 0) {
                std::error_code error;
                fs::remove_all(folder_, error);
            }
            wrong += login_certificate() == good ? 0 : 1;
        }
        p11_.C_Finalize(nullptr);
        ::_exit(wrong);
    }
    for (const pid_t child : children) {
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status));
        EXPECT_EQ(WEXITSTATUS(status), 0);
    }
    for (const auto& file : files()) EXPECT_EQ(file.filename().string().size(), 32U) << file;
}

}  // namespace
}  // namespace sealkey::test
