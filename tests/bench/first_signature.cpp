// Login and first signature in a fresh process, as a program does them: loads a PKCS#11 module, logs in, signs once.
//
//   bench_first_signature MODULE p256|rsa2048        PIN in the environment: SEALKEY_PIN
//
// Prints one JSON object: the wall time of each step in milliseconds and the signature's length.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "module.h"

using namespace sealkey::bench;
using Clock = std::chrono::steady_clock;

namespace {
double milliseconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
}
}  // namespace

int main(int count, char** arguments) try {
    const char* pin = std::getenv("SEALKEY_PIN");
    if (count != 3 || pin == nullptr) {
        std::fprintf(stderr, "usage: SEALKEY_PIN=... bench_first_signature MODULE p256|rsa2048\n");
        return 2;
    }
    const auto start = Clock::now();
    Module module(arguments[1]);
    const auto loaded = Clock::now();
    module.log_in(pin, kind_of(arguments[2]));
    const auto in = Clock::now();
    const std::size_t length = module.sign().size();
    const auto end = Clock::now();
    std::printf("{\"load_ms\": %.3f, \"login_ms\": %.3f, \"sign_ms\": %.3f, \"total_ms\": %.3f, \"signature\": %zu}\n",
                milliseconds(start, loaded), milliseconds(loaded, in), milliseconds(in, end), milliseconds(start, end),
                length);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_first_signature: %s\n", error.what());
    return 1;
}
