// Login and first signature in a fresh process, as a program does them: loads a PKCS#11 module, logs in, signs once.
//
//   bench_first_signature MODULE p256|rsa2048        PIN in the environment: SEALKEY_PIN
//
// MODULE "-": none, the token's own commands through PC/SC, the least that any program could do.
// Prints one JSON object: the wall time of each step in milliseconds and the signature's length.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "module.h"
#include "token/token.h"
#include "transport/transport.h"

using namespace sealkey::bench;
using Clock = std::chrono::steady_clock;

namespace {
double milliseconds(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
}

struct Times {
    Clock::time_point start, loaded, logged_in, end;
    std::size_t signature = 0;
};

Times by_module(const char* path, const char* pin, KeyKind kind) {
    Times times;
    times.start = Clock::now();
    Module module(path);
    times.loaded = Clock::now();
    module.log_in(pin, kind);
    times.logged_in = Clock::now();
    times.signature = module.sign().size();
    times.end = Clock::now();
    return times;
}

Times by_pcsc(const std::string& pin, KeyKind kind) {
    using sealkey::protocol::Algorithm;
    const bool ec = kind == KeyKind::p256;
    std::vector<std::uint8_t> input(ec ? 32 : 256, 0xFF);
    if (!ec) input[0] = input[200] = 0x00;
    if (!ec) input[1] = 0x01;
    Times times;
    times.start = Clock::now();
    const auto provider = sealkey::transport::make_pcsc_provider();
    sealkey::token::Token token(provider->connect(provider->readers().at(0).name));
    times.loaded = Clock::now();
    token.verify({reinterpret_cast<const std::uint8_t*>(pin.data()), pin.size()});
    times.logged_in = Clock::now();
    times.signature =
        token.sign(sealkey::protocol::ref::authentication, ec ? Algorithm::p256 : Algorithm::rsa2048, input).size();
    times.end = Clock::now();
    return times;
}

}  // namespace

int main(int count, char** arguments) try {
    const char* pin = std::getenv("SEALKEY_PIN");
    if (count != 3 || pin == nullptr) {
        std::fprintf(stderr, "usage: SEALKEY_PIN=... bench_first_signature MODULE p256|rsa2048\n");
        return 2;
    }
    const KeyKind kind = kind_of(arguments[2]);
    const Times t = std::string(arguments[1]) == "-" ? by_pcsc(pin, kind) : by_module(arguments[1], pin, kind);
    std::printf("{\"load_ms\": %.3f, \"login_ms\": %.3f, \"sign_ms\": %.3f, \"total_ms\": %.3f, \"signature\": %zu}\n",
                milliseconds(t.start, t.loaded), milliseconds(t.loaded, t.logged_in), milliseconds(t.logged_in, t.end),
                milliseconds(t.start, t.end), t.signature);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_first_signature: %s\n", error.what());
    return 1;
}
