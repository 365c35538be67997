// A sign of life for work that takes more than two seconds.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace sealkey::cli {

// Shown on standard error while it lives, from two seconds on: on a terminal a line that moves (seconds, and per cent
// once advance() was called), elsewhere one line. Commands construct one around the work.
class Busy {
public:
    explicit Busy(std::string what);
    ~Busy();
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    void advance(std::size_t done, std::size_t total);

private:
    void run();
    std::string what_;
    std::atomic<int> per_cent_{-1};
    std::mutex mutex_;
    std::condition_variable wake_;
    bool done_ = false;
    std::thread thread_;
};

}  // namespace sealkey::cli
