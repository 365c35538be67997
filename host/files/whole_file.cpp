#include "files/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace sealkey::files {

namespace {

// Gives the file its name unless that name is taken.
bool publish_new(const std::string& from, const std::string& to) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
    if (errno != EINVAL && errno != ENOSYS) return false;
    // A file system that doesn't know this kind of renaming.
    return ::link(from.c_str(), to.c_str()) == 0 && ::unlink(from.c_str()) == 0;
}

// A name is only on the disk when its folder is. Where a folder can't be synchronised, nothing more can be done.
void sync_folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    (void)::fsync(descriptor);
    ::close(descriptor);
}

}  // namespace

bool write_all(int descriptor, Bytes content) {
    while (!content.empty()) {
        const ssize_t n = ::write(descriptor, content.data(), content.size());
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = EIO;
        if (n <= 0) return false;
        content = content.subspan(static_cast<std::size_t>(n));
    }
    return true;
}

void write_whole(const std::string& path, Bytes content, mode_t mode, Existing existing, Lasting lasting) {
    std::string beside = path + ".XXXXXX";
    const int descriptor = ::mkostemp(beside.data(), O_CLOEXEC);  // mode 0600 until it is whole
    if (descriptor < 0) throw std::system_error(errno, std::generic_category());
    bool done = write_all(descriptor, content) && ::fchmod(descriptor, mode) == 0;
    if (done && lasting == Lasting::yes) done = ::fsync(descriptor) == 0;
    int reason = errno;
    if (::close(descriptor) != 0 && done) {
        done = false;
        reason = errno;
    }
    if (done) {
        done = existing == Existing::keep ? publish_new(beside, path) : std::rename(beside.c_str(), path.c_str()) == 0;
        reason = errno;
    }
    if (!done) {
        ::unlink(beside.c_str());
        throw std::system_error(reason, std::generic_category());
    }
    if (lasting == Lasting::yes) sync_folder_of(path);
}

}  // namespace sealkey::files
