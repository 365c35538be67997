#include "cli/common/progress.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "cli/common/i18n.h"

namespace sealkey::cli {

namespace {
constexpr std::chrono::seconds kQuiet{2};
constexpr std::chrono::milliseconds kStep{250};
}  // namespace

Busy::Busy(std::string what) : what_(std::move(what)) {
    // Signals stay with the main thread, whose handlers expect them.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    thread_ = std::thread(&Busy::run, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Busy::~Busy() {
    {
        const std::lock_guard lock(mutex_);
        done_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Busy::advance(std::size_t done, std::size_t total) {
    if (total > 0) per_cent_ = static_cast<int>(done * 100 / total);
}

void Busy::run() {
    const auto start = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, kQuiet, [this] { return done_; })) return;
    if (::isatty(STDERR_FILENO) == 0) {
        std::fprintf(stderr, "%s ...\n", what_.c_str());
        wake_.wait(lock, [this] { return done_; });
        return;
    }
    do {
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start).count();
        const int per_cent = per_cent_;
        const std::string state = per_cent >= 0 ? std::to_string(per_cent) + " %" : std::to_string(seconds) + " s";
        std::fprintf(stderr, "\r%s ... %s\033[K", what_.c_str(), state.c_str());
        std::fflush(stderr);
    } while (!wake_.wait_for(lock, kStep, [this] { return done_; }));
    std::fputs("\r\033[K", stderr);
}

}  // namespace sealkey::cli
