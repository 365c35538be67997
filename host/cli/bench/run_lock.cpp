#include "cli/bench/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/common/program.h"

namespace sealkey::cli {

RunLock::RunLock(const std::string& path) : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ >= 0 && ::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
    if (fd_ >= 0) ::close(fd_);
    throw Failed(Exit::not_allowed, tr("Another run is going on with this CA. Nothing was done."));
}

RunLock::~RunLock() { ::close(fd_); }

}  // namespace sealkey::cli
