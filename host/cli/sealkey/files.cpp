#include "cli/sealkey/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/common/failure.h"
#include "cli/common/i18n.h"

namespace sealkey::cli {

namespace {

[[noreturn]] void fail(const std::string& path, int reason) {
    throw Failed(Exit::file_error, fill(tr("%1 can't be written: %2"), {path, std::strerror(reason)}));
}

bool write_all(int descriptor, Bytes content) {
    while (!content.empty()) {
        const ssize_t n = ::write(descriptor, content.data(), content.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        content = content.subspan(static_cast<std::size_t>(n));
    }
    return true;
}

}  // namespace

void write_file(const std::string& path, Bytes content) {
    if (path == "-") {
        std::fflush(stdout);
        if (!write_all(STDOUT_FILENO, content)) fail(tr("Standard output"), errno);
        return;
    }
    struct stat existing {};
    // A device or a pipe is written as it is.
    const bool special = ::stat(path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode);
    std::string beside = path + ".XXXXXX";
    const int descriptor = special ? ::open(path.c_str(), O_WRONLY | O_CLOEXEC) : ::mkostemp(beside.data(), O_CLOEXEC);
    if (descriptor < 0) fail(path, errno);
    bool done = write_all(descriptor, content);
    if (!special) {
        const mode_t mask = ::umask(0);
        ::umask(mask);
        done = done && ::fchmod(descriptor, 0666 & ~mask) == 0 && ::fsync(descriptor) == 0;
    }
    int reason = errno;
    if (::close(descriptor) != 0 && done) {
        done = false;
        reason = errno;
    }
    if (special) {
        if (!done) fail(path, reason);
        return;
    }
    if (done && std::rename(beside.c_str(), path.c_str()) == 0) return;
    if (done) reason = errno;
    ::unlink(beside.c_str());
    fail(path, reason);
}

}  // namespace sealkey::cli
