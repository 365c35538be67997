// Known answers of every algorithm, so that a part whose memory or code is damaged doesn't touch keys (FIPS
// 140-3, 10.3.A).
//
// Hashes, AES, CMAC, GCM and the DRBG are tested when power comes. A signature's known answer costs as much as a
// signature, which on a small core is a good part of a second; so each public-key algorithm is tested before its first
// use after power came. A failed test is final until power goes: the token then answers nothing but 6F01.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace sealkey::crypto {

enum class Tested : std::uint8_t { symmetric, p256, p384, rsa };
inline constexpr std::size_t kTestedCount = 4;

struct KnownAnswer {
    const char* name;
    Tested algorithm;
    bool (*holds)();
};
[[nodiscard]] std::span<const KnownAnswer> known_answers();

class SelfTests {
public:
    explicit SelfTests(std::span<const KnownAnswer> answers = known_answers()) : answers_(answers) {}

    // Runs this algorithm's tests if they haven't been run since power came. crypto_failure: one failed, now or before.
    [[nodiscard]] Status before(Tested algorithm);
    [[nodiscard]] bool failed() const { return failed_ != nullptr; }
    [[nodiscard]] const char* failed_name() const { return failed_; }  // null: none

private:
    std::span<const KnownAnswer> answers_;
    std::array<bool, kTestedCount> passed_{};
    const char* failed_ = nullptr;
};

}  // namespace sealkey::crypto
