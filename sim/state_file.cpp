#include "state_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/crc32.h"

namespace sealkey::sim {

namespace {

// The header, all numbers big-endian; the flash image follows at kFlashOffset.
constexpr char kMagic[] = "SEALKEY-SIMULATOR";  // with its NUL, 18 bytes
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kVersionAt = 20;
constexpr std::size_t kSectorSizeAt = 24;
constexpr std::size_t kSectorCountAt = 28;
constexpr std::size_t kUnitSizeAt = 32;
constexpr std::size_t kChipIdAt = 36;
constexpr std::size_t kDeviceSecretAt = 44;
constexpr std::size_t kCrcAt = 76;            // over everything before
constexpr std::size_t kManufacturedAt = 128;  // one byte, apart from the checked part since it changes once
constexpr std::size_t kHeaderSize = 4096;
constexpr off_t kFlashOffset = kHeaderSize;

[[noreturn]] void fail(const std::string& path, const std::string& what) {
    throw StateError("state file " + path + ": " + what);
}

void write_at(int fd, const std::string& path, off_t offset, Bytes data) {
    while (!data.empty()) {
        const ssize_t n = pwrite(fd, data.data(), data.size(), offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) fail(path, std::string("can't be written: ") + std::strerror(errno));
        data = data.subspan(static_cast<std::size_t>(n));
        offset += n;
    }
}

void read_at(int fd, const std::string& path, off_t offset, MutableBytes out) {
    while (!out.empty()) {
        const ssize_t n = pread(fd, out.data(), out.size(), offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail(path, std::string("can't be read: ") + std::strerror(errno));
        if (n == 0) fail(path, "is shorter than it says; it was left as it is. Give another --state");
        out = out.subspan(static_cast<std::size_t>(n));
        offset += n;
    }
}

}  // namespace

void kernel_random(MutableBytes out) {
    while (!out.empty()) {
        const ssize_t n = getrandom(out.data(), out.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw StateError(std::string("the kernel gives no random bytes: ") + std::strerror(errno));
        out = out.subspan(static_cast<std::size_t>(n));
    }
}

StateFile::StateFile(std::string path) : path_(std::move(path)) {
    fd_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (fd_ < 0 && errno == ENOENT) {
        create();
        fd_ = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    }
    if (fd_ < 0) fail(path_, std::string("can't be opened: ") + std::strerror(errno));
    try {
        if (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
            fail(path_,
                 "is in use by another sealkey-sim; one file is one token. Stop that one, or give another --state");
        }
        load();
    } catch (...) {
        close(fd_);
        throw;
    }
}

StateFile::~StateFile() {
    wipe(device_secret_);
    if (fd_ >= 0) close(fd_);
}

void StateFile::create() {
    std::vector<std::uint8_t> image(kHeaderSize + std::size_t{kGeometry.sector_size} * kGeometry.sector_count, 0xFF);
    std::fill(image.begin(), image.begin() + kHeaderSize, 0);
    std::memcpy(image.data(), kMagic, sizeof kMagic);
    store_be32(image.data() + kVersionAt, kFormatVersion);
    store_be32(image.data() + kSectorSizeAt, kGeometry.sector_size);
    store_be32(image.data() + kSectorCountAt, kGeometry.sector_count);
    store_be32(image.data() + kUnitSizeAt, kGeometry.unit_size);
    kernel_random({image.data() + kChipIdAt, 8});
    kernel_random({image.data() + kDeviceSecretAt, platform::DeviceSecret::kSize});
    store_be32(image.data() + kCrcAt, crc32({image.data(), kCrcAt}));

    const std::string aside = path_ + ".new." + std::to_string(getpid());
    const int fd = open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) fail(path_, std::string("can't be created: ") + std::strerror(errno));
    try {
        write_at(fd, aside, 0, image);
        // link() keeps a file that another process made in the meantime.
        if (link(aside.c_str(), path_.c_str()) != 0 && errno != EEXIST) {
            fail(path_, std::string("can't be created: ") + std::strerror(errno));
        }
    } catch (...) {
        close(fd);
        unlink(aside.c_str());
        throw;
    }
    close(fd);
    unlink(aside.c_str());
}

void StateFile::load() {
    std::vector<std::uint8_t> header(kHeaderSize);
    struct stat info {};
    if (fstat(fd_, &info) != 0 || info.st_size < kFlashOffset) {
        fail(path_, "is not a sealkey-sim state file; it was left as it is. Give another --state");
    }
    read_at(fd_, path_, 0, header);
    if (std::memcmp(header.data(), kMagic, sizeof kMagic) != 0) {
        fail(path_, "is not a sealkey-sim state file; it was left as it is. Give another --state");
    }
    const std::uint32_t version = load_be32(header.data() + kVersionAt);
    if (version != kFormatVersion) {
        fail(path_, "has format version " + std::to_string(version) + ", this sealkey-sim knows " +
                        std::to_string(kFormatVersion) + "; it was left as it is. Use the program that made it");
    }
    if (load_be32(header.data() + kCrcAt) != crc32({header.data(), kCrcAt})) {
        fail(path_, "has a damaged header; it was left as it is. Give another --state");
    }
    geometry_.sector_size = load_be32(header.data() + kSectorSizeAt);
    geometry_.sector_count = load_be32(header.data() + kSectorCountAt);
    geometry_.unit_size = load_be32(header.data() + kUnitSizeAt);
    std::memcpy(chip_id_.data(), header.data() + kChipIdAt, chip_id_.size());
    std::memcpy(device_secret_.data(), header.data() + kDeviceSecretAt, device_secret_.size());
    manufactured_ = header[kManufacturedAt] == 1;
    wipe(header);
    flash_.resize(std::size_t{geometry_.sector_size} * geometry_.sector_count);
    read_at(fd_, path_, kFlashOffset, flash_);
}

void StateFile::set_manufactured() {
    const std::uint8_t one = 1;
    write_at(fd_, path_, kManufacturedAt, {&one, 1});
    manufactured_ = true;
}

void StateFile::write_flash(std::uint32_t offset, Bytes data) {
    std::memcpy(flash_.data() + offset, data.data(), data.size());
    write_at(fd_, path_, kFlashOffset + offset, data);
}

void StateFile::erase_all() {
    std::fill(flash_.begin(), flash_.end(), 0xFF);
    write_at(fd_, path_, kFlashOffset, flash_);
}

}  // namespace sealkey::sim
