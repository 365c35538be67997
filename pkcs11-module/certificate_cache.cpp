#include "certificate_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <tuple>

#include "files/whole_file.h"
#include "hash.h"
#include "log.h"
#include "token/certificate_object.h"

namespace sealkey::pkcs11 {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kInMemory = 64;
constexpr std::size_t kOnDisk = 256;
constexpr off_t kLongestFile = 64 * 1024;  // no certificate object is longer
constexpr mode_t kOthers = S_IWGRP | S_IWOTH;

class Descriptor {
public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    ~Descriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return descriptor_; }

private:
    int descriptor_;
};

// A program that runs for somebody else than it was started by has no cache: the environment isn't its own.
std::string from_environment(const char* name) {
    const char* value = ::secure_getenv(name);
    return value == nullptr || value[0] != '/' ? std::string() : std::string(value);
}

std::string folder_of_user() {
    const char* choice = ::secure_getenv("SEALKEY_CACHE");
    if (choice != nullptr && *choice != '\0') return from_environment("SEALKEY_CACHE");  // "off" is no whole path
    std::string folder = from_environment("XDG_CACHE_HOME");
    if (folder.empty()) {
        folder = from_environment("HOME");
        if (folder.empty()) return {};
        folder += "/.cache";
    }
    return folder + "/sealkey/certificates";
}

bool has_fingerprint(ByteView value, const CertificateFingerprint& fingerprint) {
    const ByteVector whole = digest(Hash::sha256, value);
    return std::equal(fingerprint.begin(), fingerprint.end(), whole.begin());
}

std::optional<ByteVector> read_file(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat about {};
    if (file.get() < 0 || ::fstat(file.get(), &about) != 0) return std::nullopt;
    if (!S_ISREG(about.st_mode) || about.st_size <= 0 || about.st_size > kLongestFile) return std::nullopt;
    ByteVector content(static_cast<std::size_t>(about.st_size));
    std::size_t have = 0;
    while (have < content.size()) {
        const ssize_t n = ::read(file.get(), content.data() + have, content.size() - have);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return std::nullopt;
        have += static_cast<std::size_t>(n);
    }
    return content;
}

// Made if it isn't there. False: it can't be, or others may write in it.
bool make_folder(const std::string& path) {
    std::error_code error;
    fs::create_directories(fs::path(path).parent_path(), error);
    if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) return false;
    struct stat about {};
    if (::lstat(path.c_str(), &about) != 0 || !S_ISDIR(about.st_mode)) return false;
    return about.st_uid == ::geteuid() && (about.st_mode & kOthers) == 0;
}

// Whether this module gave a file its name: a fingerprint, or one with what write_whole() adds while it writes.
// Whatever else lies in the folder that somebody named is theirs.
bool is_own_name(const std::string& name) {
    constexpr std::size_t kDigits = 2 * std::tuple_size_v<CertificateFingerprint>;
    constexpr std::size_t kBeside = kDigits + sizeof ".XXXXXX" - 1;
    if (name.size() != kDigits && (name.size() != kBeside || name[kDigits] != '.')) return false;
    return name.find_first_not_of("0123456789abcdef") >= kDigits;
}

// Keeps the folder small, also of what a killed program left half-written. Two programs that clean at once do no harm.
void forget_oldest(const std::string& path) {
    std::vector<std::pair<fs::file_time_type, fs::path>> files;
    std::error_code error;
    for (fs::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
        std::error_code unreadable;
        if (!is_own_name(entry->path().filename().string()) || !entry->is_regular_file(unreadable)) continue;
        const auto time = entry->last_write_time(unreadable);
        if (!unreadable) files.emplace_back(time, entry->path());
    }
    if (files.size() <= kOnDisk) return;
    const auto last = files.begin() + static_cast<std::ptrdiff_t>(files.size() - kOnDisk);
    std::nth_element(files.begin(), last, files.end());
    for (auto file = files.begin(); file != last; ++file) fs::remove(file->second, error);
}

std::shared_ptr<const Certificate> parse(ByteView value) {
    auto parsed = parse_certificate(token::certificate_of_object(value));
    return parsed ? std::make_shared<const Certificate>(std::move(*parsed)) : nullptr;
}

}  // namespace

CertificateFolder::CertificateFolder() : path_(folder_of_user()) {}

std::string CertificateFolder::path_of(const CertificateFingerprint& fingerprint) const {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string path = path_ + "/";
    for (const std::uint8_t byte : fingerprint) {
        path += kDigits[byte >> 4];
        path += kDigits[byte & 15];
    }
    return path;
}

std::optional<ByteVector> CertificateFolder::find(const CertificateFingerprint& fingerprint) const {
    if (path_.empty()) return std::nullopt;
    auto content = read_file(path_of(fingerprint));
    if (!content || !has_fingerprint(*content, fingerprint)) return std::nullopt;
    return content;
}

void CertificateFolder::store(const CertificateFingerprint& fingerprint, ByteView value) const {
    if (path_.empty() || !has_fingerprint(value, fingerprint)) return;
    try {
        if (!make_folder(path_)) {
            log::line("  %s: not a folder of this user's own, certificates aren't kept", path_.c_str());
            return;
        }
        files::write_whole(path_of(fingerprint), value, S_IRUSR | S_IWUSR, files::Existing::replace,
                           files::Lasting::no);
        forget_oldest(path_);
    } catch (const std::exception& error) {
        log::line("  %s: %s, certificates aren't kept", path_.c_str(), error.what());
    }
}

std::shared_ptr<const Certificate> CertificateCache::find(const CertificateFingerprint& fingerprint) {
    const auto entry = entries_.find(fingerprint);
    if (entry != entries_.end()) return entry->second;
    const auto value = folder_.find(fingerprint);
    return value ? keep(fingerprint, *value) : nullptr;
}

std::shared_ptr<const Certificate> CertificateCache::store(const CertificateFingerprint& fingerprint, ByteView value) {
    if (!has_fingerprint(value, fingerprint)) return parse(value);
    auto certificate = keep(fingerprint, value);
    if (certificate) folder_.store(fingerprint, value);
    return certificate;
}

std::shared_ptr<const Certificate> CertificateCache::keep(const CertificateFingerprint& fingerprint, ByteView value) {
    auto certificate = parse(value);
    if (!certificate) return nullptr;
    if (entries_.size() >= kInMemory) entries_.clear();
    entries_[fingerprint] = certificate;
    return certificate;
}

}  // namespace sealkey::pkcs11
