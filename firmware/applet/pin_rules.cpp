#include "applet/pin_rules.h"

#include <algorithm>

#include "protocol/limits.h"

namespace sealkey::applet {

namespace {

constexpr std::uint8_t kPad = 0xFF;

// Every byte differs from the one before by `step`. 9 to 0 and back counts as a run too.
bool is_run(Bytes pin, int step) {
    for (std::size_t i = 1; i < pin.size(); ++i) {
        const bool next = pin[i] == pin[i - 1] + step;
        const bool around =
            (step == 1 && pin[i - 1] == '9' && pin[i] == '0') || (step == -1 && pin[i - 1] == '0' && pin[i] == '9');
        if (!next && !around) return false;
    }
    return true;
}

// The first `period` bytes over and over, the last time possibly cut short.
bool repeats(Bytes pin, std::size_t period) {
    for (std::size_t i = period; i < pin.size(); ++i) {
        if (pin[i] != pin[i - period]) return false;
    }
    return true;
}

// Each byte two or three times in a row: 112233, 111222, 11223344.
bool is_doubled_run(Bytes pin, std::size_t times) {
    if (pin.size() % times != 0) return false;
    for (std::size_t i = 0; i < pin.size(); ++i) {
        if (pin[i] != pin[i - i % times]) return false;
        if (i % times == 0 && i > 0 && pin[i] != pin[i - times] + 1 && pin[i] + 1 != pin[i - times]) return false;
    }
    return true;
}

bool is_mirrored_run(Bytes pin) {  // 123321, 12344321
    const std::size_t half = pin.size() / 2;
    if (pin.size() % 2 != 0 || !is_run(pin.first(half), pin[1] > pin[0] ? 1 : -1)) return false;
    for (std::size_t i = 0; i < half; ++i) {
        if (pin[i] != pin[pin.size() - 1 - i]) return false;
    }
    return true;
}

// Patterns of the keypad and of habit that the rules above don't see.
constexpr char kKnown[][9] = {"147258", "147852",   "258369",  "159357",  "159753",  "789456",   "456789",  "741852",
                              "520520", "5201314",  "1314520", "521521",  "888666",  "666888",   "168168",  "qwerty",
                              "asdfgh", "password", "abc123",  "a123456", "123456a", "admin123", "12345679"};

}  // namespace

std::optional<Bytes> unpadded_pin(Bytes padded) {
    if (padded.size() != protocol::kPinSize) return std::nullopt;
    std::size_t size = 0;
    while (size < padded.size() && padded[size] != kPad) ++size;
    for (std::size_t i = size; i < padded.size(); ++i) {
        if (padded[i] != kPad) return std::nullopt;
    }
    if (size < protocol::kMinPin) return std::nullopt;
    return padded.first(size);
}

bool is_weak_pin(Bytes pin) {
    if (is_run(pin, 0) || is_run(pin, 1) || is_run(pin, -1)) return true;
    if (repeats(pin, 2) || repeats(pin, 3) || (pin.size() == 8 && repeats(pin, 4))) return true;
    if (is_doubled_run(pin, 2) || is_doubled_run(pin, 3) || is_mirrored_run(pin)) return true;
    return std::any_of(std::begin(kKnown), std::end(kKnown), [&](const char* known) {
        return equal(pin, {reinterpret_cast<const std::uint8_t*>(known), std::strlen(known)});
    });
}

}  // namespace sealkey::applet
