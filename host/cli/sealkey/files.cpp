#include "cli/sealkey/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "cli/common/failure.h"
#include "cli/common/i18n.h"
#include "files/whole_file.h"

namespace sealkey::cli {

namespace {

[[noreturn]] void fail(const std::string& path, int reason) {
    throw Failed(Exit::file_error, fill(tr("%1 can't be written: %2"), {path, std::strerror(reason)}));
}

}  // namespace

void write_file(const std::string& path, Bytes content) {
    if (path == "-") {
        std::fflush(stdout);
        if (!files::write_all(STDOUT_FILENO, content)) fail(tr("Standard output"), errno);
        return;
    }
    struct stat existing {};
    // A device or a pipe is written as it is.
    if (::stat(path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode)) {
        const int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
        if (descriptor < 0) fail(path, errno);
        const bool done = files::write_all(descriptor, content);
        const int reason = errno;
        if (::close(descriptor) != 0 || !done) fail(path, done ? errno : reason);
        return;
    }
    const mode_t mask = ::umask(0);
    ::umask(mask);
    try {
        files::write_whole(path, content, 0666 & ~mask, files::Existing::replace);
    } catch (const std::system_error& error) {
        fail(path, error.code().value());
    }
}

}  // namespace sealkey::cli
