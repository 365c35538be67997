// The one seam between the firmware and what it runs on. A board or the simulator provides one Platform; tests build
// as many as they like.
//
// Nobody owns a part through its interface: the destructors are protected, and no vtable of the firmware asks for
// operator delete. Implementations are final.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace sealkey::platform {

// Memory-technology facts the store must live with.
struct FlashGeometry {
    std::uint32_t sector_size;   // bytes, the unit of erasing; 4096 on every supported part
    std::uint32_t sector_count;  // sectors given to the store; they start at offset 0
    std::uint32_t unit_size;     // bytes, the unit of programming: 4, 8, 16 or 256
};

// Erased bytes read FFh; programming only clears bits. Power may go during any call: a torn program or erase leaves any
// mix of old and new bits, which may even read differently twice.
class Flash {
public:
    [[nodiscard]] virtual FlashGeometry geometry() const = 0;
    // All return false on a failure of the part, and on an offset, a length or an alignment out of range.
    [[nodiscard]] virtual bool read(std::uint32_t offset, MutableBytes out) = 0;
    // `offset` and `data` are whole units; a unit is programmed at most once between two erasures.
    [[nodiscard]] virtual bool program(std::uint32_t offset, Bytes data) = 0;
    [[nodiscard]] virtual bool erase(std::uint32_t sector) = 0;

protected:
    ~Flash() = default;
};

class Entropy {
public:
    // Fills `out` with full-entropy bytes (SP 800-90B source, conditioned). False: the source failed its health test.
    [[nodiscard]] virtual bool fill(MutableBytes out) = 0;

protected:
    ~Entropy() = default;
};

class Clock {
public:
    [[nodiscard]] virtual std::uint32_t milliseconds() = 0;  // since start, wraps
    virtual void delay(std::uint32_t milliseconds) = 0;

protected:
    ~Clock() = default;
};

enum class Indication : std::uint8_t { idle, busy, locked, error };

class Indicator {
public:
    virtual void show(Indication what) = 0;

protected:
    ~Indicator() = default;
};

class Presence {
public:
    // True when the user pressed the button within the wait. A platform without a button answers as configured.
    [[nodiscard]] virtual bool confirmed(std::uint32_t wait_milliseconds) = 0;

protected:
    ~Presence() = default;
};

// 32 bytes that never leave the device. In the simulator they lie in the state file and protect nothing.
class DeviceSecret {
public:
    static constexpr std::size_t kSize = 32;
    virtual void read(std::span<std::uint8_t, kSize> out) = 0;
    // A new one, where the part makes its own: everything that was sealed under the old one is lost. Called once the
    // factory's part begins. False: the entropy source or the flash failed.
    [[nodiscard]] virtual bool renew(Entropy&) { return true; }

protected:
    ~DeviceSecret() = default;
};

struct Platform {
    Flash& flash;
    Entropy& entropy;
    Clock& clock;
    Indicator& indicator;
    Presence& presence;
    DeviceSecret& device_secret;
    std::uint8_t chip_id[8];  // the part's own unique number; it names the token before personalisation only
};

}  // namespace sealkey::platform
