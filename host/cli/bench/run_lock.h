// One run at a time with one CA: two would take the same orders.
#pragma once

#include <string>

namespace sealkey::cli {

class RunLock {
public:
    // Throws Failed not_allowed where another one has it.
    explicit RunLock(const std::string& path);
    ~RunLock();
    RunLock(const RunLock&) = delete;
    RunLock& operator=(const RunLock&) = delete;

private:
    int fd_;
};

}  // namespace sealkey::cli
