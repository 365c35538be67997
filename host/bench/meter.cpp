#include "bench/meter.h"

#include <sys/resource.h>
#include <time.h>

#include <chrono>
#include <utility>

#include "protocol/piv.h"

namespace sealkey::bench {

namespace {

constexpr const char* kPartNames[] = {"other", "key_generation", "transport", "ca", "check", "database"};

double wall_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double thread_cpu_now() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

class ThreadMeter {
public:
    // What passed is the current part's; from now on it is `next`.
    Part change_to(Part next) {
        const double wall = wall_now();
        const double cpu = thread_cpu_now();
        usage_.seconds[static_cast<std::size_t>(current_)] += wall - wall_;
        usage_.cpu[static_cast<std::size_t>(current_)] += cpu - cpu_;
        wall_ = wall;
        cpu_ = cpu;
        return std::exchange(current_, next);
    }
    Usage take() {
        change_to(current_);
        return std::exchange(usage_, {});
    }

private:
    Part current_ = Part::other;
    double wall_ = wall_now();
    double cpu_ = thread_cpu_now();
    Usage usage_;
};

ThreadMeter& of_this_thread() {
    thread_local ThreadMeter meter;
    return meter;
}

class MeteredConnection final : public transport::Connection {
public:
    explicit MeteredConnection(std::unique_ptr<transport::Connection> inner) : inner_(std::move(inner)) {}
    transport::ByteVector transmit(transport::ByteView command) override {
        // The instruction is in the clear in a wrapped command too.
        const bool generates =
            command.size() > 1 && command[1] == static_cast<std::uint8_t>(protocol::Ins::generate_key_pair);
        const Metered metered(generates ? Part::generation : Part::transport);
        return inner_->transmit(command);
    }
    void begin_transaction() override {
        const Metered metered(Part::transport);
        inner_->begin_transaction();
    }
    void end_transaction() noexcept override { inner_->end_transaction(); }
    [[nodiscard]] transport::ByteVector atr() const override { return inner_->atr(); }
    [[nodiscard]] bool extended_length() const override { return inner_->extended_length(); }

private:
    std::unique_ptr<transport::Connection> inner_;
};

}  // namespace

const char* name_of(Part part) { return kPartNames[static_cast<std::size_t>(part)]; }

Usage& Usage::operator+=(const Usage& other) {
    for (std::size_t i = 0; i < kParts; ++i) {
        seconds[i] += other.seconds[i];
        cpu[i] += other.cpu[i];
    }
    return *this;
}

Usage take_usage() { return of_this_thread().take(); }

double process_cpu() {
    rusage own{};
    getrusage(RUSAGE_SELF, &own);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(own.ru_utime) + seconds(own.ru_stime);
}

Metered::Metered(Part part) : before_(of_this_thread().change_to(part)) {}

void Metered::end() {
    if (running_) (void)of_this_thread().change_to(before_);
    running_ = false;
}

std::unique_ptr<transport::Connection> metered(std::unique_ptr<transport::Connection> connection) {
    return std::make_unique<MeteredConnection>(std::move(connection));
}

}  // namespace sealkey::bench
