// Sources of entropy for tests: repeatable, and failing at a chosen moment.
#pragma once

#include <cstdint>
#include <random>

#include "platform/platform.h"

namespace sealkey::testing {

class FakeEntropy final : public platform::Entropy {
public:
    explicit FakeEntropy(std::uint64_t seed = 1) : numbers_(seed) {}
    bool fill(MutableBytes out) override {
        ++calls;
        if (failing) return false;
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(numbers_());
        return true;
    }

    bool failing = false;
    int calls = 0;

private:
    std::mt19937_64 numbers_;
};

}  // namespace sealkey::testing
