// Where a port's time goes while it makes a key: wall time and processor time of the thread, divided without overlap.
// What is metered inside something else that is metered counts for the inner one alone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "transport/transport.h"

namespace sealkey::bench {

enum class Part : std::uint8_t {
    other,
    generation,  // the token makes a key
    transport,   // any other command to the token, and its answer
    ca,          // certificates, record and seal, and the channel's cryptography on this side
    check,       // the quality check
    database,
};
inline constexpr std::size_t kParts = static_cast<std::size_t>(Part::database) + 1;
[[nodiscard]] const char* name_of(Part part);

struct Usage {
    std::array<double, kParts> seconds{};
    std::array<double, kParts> cpu{};  // seconds
    Usage& operator+=(const Usage& other);
};

// What this thread spent since it began, or since the last call.
[[nodiscard]] Usage take_usage();
// Of the whole process, in seconds.
[[nodiscard]] double process_cpu();

// From its making until end() or its end. To be ended in the reverse order.
class Metered {
public:
    explicit Metered(Part part);
    ~Metered() { end(); }
    Metered(const Metered&) = delete;
    Metered& operator=(const Metered&) = delete;
    void end();

private:
    Part before_;
    bool running_ = true;
};

// The same connection, metered.
[[nodiscard]] std::unique_ptr<transport::Connection> metered(std::unique_ptr<transport::Connection> connection);

}  // namespace sealkey::bench
