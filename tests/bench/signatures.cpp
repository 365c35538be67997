// One signature through each door, from bare mbedTLS up to our PKCS#11 module; Google Benchmark's own options work.
//
// The environment says what is there: SEALKEY_BENCH_KEY=p256|rsa2048 (which key 9A holds), SEALKEY_PIN, and for the
// doors through pcscd a token in its first reader; SEALKEY_BENCH_MODULE=path for the module.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <benchmark/benchmark.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/rsa.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "crypto/arena.h"
#include "module.h"
#include "support/token_fixture.h"
#include "token/token.h"
#include "transport/transport.h"

namespace {

using namespace sealkey;
using bench::KeyKind;

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

// 00 01 FF .. as PKCS #1 v1.5 has it, or a digest.
testing::ByteVector message(KeyKind kind) {
    testing::ByteVector out(kind == KeyKind::p256 ? 32 : 256, 0xFF);
    if (kind == KeyKind::rsa2048) {
        out[0] = 0x00;
        out[1] = 0x01;
        out[200] = 0x00;
    }
    return out;
}
protocol::Algorithm algorithm(KeyKind kind) {
    return kind == KeyKind::p256 ? protocol::Algorithm::p256 : protocol::Algorithm::rsa2048;
}

void must(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(what);
}

// mbedTLS as it is, in the same arena and with the same generator; the key stays loaded.
void bare(benchmark::State& state, KeyKind kind) {
    crypto::init_arena();
    testing::FakeEntropy entropy;
    crypto::Drbg drbg(entropy);
    must(drbg.seed().ok(), "no random numbers");
    const testing::ByteVector input = message(kind);
    testing::ByteVector out(256);
    if (kind == KeyKind::p256) {
        mbedtls_ecp_keypair pair;
        mbedtls_ecp_keypair_init(&pair);
        must(mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, &pair, crypto::Drbg::callback, &drbg) == 0, "P-256 key");
        mbedtls_mpi r;
        mbedtls_mpi s;
        mbedtls_mpi_init(&r);
        mbedtls_mpi_init(&s);
        for (auto _ : state) {
            must(mbedtls_ecdsa_sign(&pair.grp, &r, &s, &pair.d, input.data(), input.size(), crypto::Drbg::callback,
                                    &drbg) == 0,
                 "ECDSA");
        }
        mbedtls_mpi_free(&r);
        mbedtls_mpi_free(&s);
        mbedtls_ecp_keypair_free(&pair);
    } else {
        mbedtls_rsa_context rsa;
        mbedtls_rsa_init(&rsa);
        must(mbedtls_rsa_gen_key(&rsa, crypto::Drbg::callback, &drbg, 2048, 65537) == 0, "RSA key");
        for (auto _ : state) {
            must(mbedtls_rsa_private(&rsa, crypto::Drbg::callback, &drbg, input.data(), out.data()) == 0, "RSA");
        }
        mbedtls_rsa_free(&rsa);
    }
}

// The firmware in this process: unsealing the key from flash, the operation, the APDU around it.
void apdu(benchmark::State& state, KeyKind kind) {
    auto token = testing::TestToken::personalised(protocol::Profile::compatibility);
    must(token->authenticate() == protocol::sw::ok, "9B");
    must(token->generate(protocol::ref::authentication, algorithm(kind)).ok(), "key generation");
    must(token->verify(testing::kDefaultPin).ok(), "PIN");
    const testing::ByteVector input = message(kind);
    for (auto _ : state) {
        must(token->use_key(protocol::ref::authentication, algorithm(kind), input).ok(), "signature");
    }
}

// The same command through pcscd, vpcd and the simulator.
void pcscd(benchmark::State& state, KeyKind kind) {
    const auto provider = transport::make_pcsc_provider();
    const auto readers = provider->readers();
    must(!readers.empty(), "pcscd has no reader");
    token::Token token(provider->connect(readers[0].name));
    const std::string pin = environment("SEALKEY_PIN");
    token.verify({reinterpret_cast<const std::uint8_t*>(pin.data()), pin.size()});
    const testing::ByteVector input = message(kind);
    for (auto _ : state) {
        must(!token.sign(protocol::ref::authentication, algorithm(kind), input).empty(), "signature");
    }
}

void module(benchmark::State& state, KeyKind kind) {
    bench::Module module(environment("SEALKEY_BENCH_MODULE"));
    module.log_in(environment("SEALKEY_PIN"), kind);
    for (auto _ : state) must(!module.sign().empty(), "signature");
}

void add(const char* name, void (*door)(benchmark::State&, KeyKind), KeyKind kind) {
    benchmark::RegisterBenchmark(name, [door, kind](benchmark::State& state) { door(state, kind); })
        ->Unit(benchmark::kMicrosecond)
        ->UseRealTime();
}

}  // namespace

int main(int count, char** arguments) try {
    benchmark::Initialize(&count, arguments);
    if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
    const KeyKind kind = bench::kind_of(environment("SEALKEY_BENCH_KEY"));
    add("bare_mbedtls", bare, kind);
    add("apdu_in_process", apdu, kind);
    add("apdu_pcscd", pcscd, kind);
    if (!environment("SEALKEY_BENCH_MODULE").empty()) add("module_pcscd", module, kind);
    benchmark::RunSpecifiedBenchmarks();
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_signatures: %s\n", error.what());
    return 1;
}
