// One thread, one poll(2): sources say each round what they wait for, and are called when it is there.
#pragma once

#include <poll.h>

#include <chrono>
#include <functional>
#include <vector>

namespace sealkey::sim {

// What one round waits for. Descriptors are non-blocking, so a call for nothing does no harm.
class PollSet {
public:
    using Clock = std::chrono::steady_clock;

    void add(int fd, short events, std::function<void()> call);
    void at(Clock::time_point when, std::function<void()> call);

    // Waits, then makes the calls that are due.
    void wait();

private:
    struct Timer {
        Clock::time_point when;
        std::function<void()> call;
    };
    std::vector<pollfd> fds_;
    std::vector<std::function<void()>> calls_;
    std::vector<Timer> timers_;
};

class EventSource {
public:
    virtual ~EventSource() = default;
    virtual void collect(PollSet& set) = 0;
};

}  // namespace sealkey::sim
