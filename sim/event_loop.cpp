#include "event_loop.h"

#include <algorithm>

namespace sealkey::sim {

void PollSet::add(int fd, short events, std::function<void()> call) {
    fds_.push_back({fd, events, 0});
    calls_.push_back(std::move(call));
}

void PollSet::at(Clock::time_point when, std::function<void()> call) { timers_.push_back({when, std::move(call)}); }

void PollSet::wait() {
    int timeout = -1;
    for (const Timer& timer : timers_) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(timer.when - Clock::now()).count();
        const int milliseconds = static_cast<int>(std::clamp<long long>(left, 0, 60'000));
        timeout = timeout < 0 ? milliseconds : std::min(timeout, milliseconds);
    }
    const int ready = poll(fds_.data(), fds_.size(), timeout);
    for (std::size_t i = 0; ready > 0 && i < fds_.size(); ++i) {
        if (fds_[i].revents != 0) calls_[i]();
    }
    for (const Timer& timer : timers_) {
        if (timer.when <= Clock::now()) timer.call();
    }
}

}  // namespace sealkey::sim
