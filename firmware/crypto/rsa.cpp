// The CRT parts of the context have no setter in mbedTLS's interface; recomputing them at each load would cost more
// than the signature.
#define MBEDTLS_ALLOW_PRIVATE_ACCESS

#include "crypto/rsa.h"

#include "crypto/arena.h"
#include "crypto/mbedtls_status.h"
#include "crypto/mpi.h"

namespace sealkey::crypto {

namespace {

constexpr int kExponent = 65537;
constexpr std::uint8_t kFormat = 0x01;
// An import comes from one who knows the key: the rounds catch damage and mistakes, not a forger.
constexpr int kPrimalityRounds = 8;

// Runs a list of calls until one fails.
class Steps {
public:
    template <class Step>
    void operator()(Step step) {
        if (code_ == 0) code_ = step();
    }
    [[nodiscard]] int code() const { return code_; }

private:
    int code_ = 0;
};

// True when a * b mod m is 1.
int require_inverse(const mbedtls_mpi* a, const mbedtls_mpi* b, const mbedtls_mpi* m) {
    Number product;
    Steps steps;
    steps([&] { return mbedtls_mpi_mul_mpi(product.get(), a, b); });
    steps([&] { return mbedtls_mpi_mod_mpi(product.get(), product.get(), m); });
    if (steps.code() != 0) return steps.code();
    return mbedtls_mpi_cmp_int(product.get(), 1) == 0 ? 0 : MBEDTLS_ERR_RSA_KEY_CHECK_FAILED;
}

// `x` is the inverse of e modulo prime - 1, and below it.
int require_exponent(const mbedtls_mpi* x, const mbedtls_mpi* e, const mbedtls_mpi* prime) {
    Number order;
    if (const int failed = mbedtls_mpi_sub_int(order.get(), prime, 1); failed != 0) return failed;
    if (mbedtls_mpi_cmp_mpi(x, order.get()) >= 0) return MBEDTLS_ERR_RSA_KEY_CHECK_FAILED;
    return require_inverse(x, e, order.get());
}

}  // namespace

bool is_rsa_size(std::size_t modulus_bits) {
    return modulus_bits == 2048 || modulus_bits == 3072 || modulus_bits == 4096;
}

RsaPrivateKey::RsaPrivateKey() {
    init_arena();
    mbedtls_rsa_init(&context_);
}

RsaPrivateKey::~RsaPrivateKey() { mbedtls_rsa_free(&context_); }

void RsaPrivateKey::clear() {
    mbedtls_rsa_free(&context_);
    mbedtls_rsa_init(&context_);
}

Status RsaPrivateKey::generate(Drbg& drbg, std::size_t modulus_bits) {
    clear();
    if (!is_rsa_size(modulus_bits)) return Error::invalid;
    if (Status s = drbg.tests().before(Tested::rsa); !s) return s;
    if (Status s = drbg.reseed(); !s) return s;
    const int failed =
        mbedtls_rsa_gen_key(&context_, Drbg::callback, &drbg, static_cast<unsigned>(modulus_bits), kExponent);
    if (failed != 0) {
        clear();
        return Error::crypto_failure;  // nothing of it was the caller's fault
    }
    mbedtls_mpi_free(&context_.D);  // CRT does without it; it is not saved either
    return {};
}

Status RsaPrivateKey::import(Drbg& drbg, std::size_t modulus_bits, const RsaParts& parts) {
    clear();
    const std::size_t half = modulus_bits / 16;
    const Bytes given[] = {parts.p, parts.q, parts.dp, parts.dq, parts.qinv};
    mbedtls_mpi* const target[] = {&context_.P, &context_.Q, &context_.DP, &context_.DQ, &context_.QP};
    if (!is_rsa_size(modulus_bits)) return Error::invalid;
    if (Status s = drbg.tests().before(Tested::rsa); !s) return s;
    for (Bytes part : given) {
        if (part.empty() || part.size() > half) return Error::invalid;
    }
    Steps steps;
    for (std::size_t i = 0; i < std::size(given); ++i) {
        steps([&] { return mbedtls_mpi_read_binary(target[i], given[i].data(), given[i].size()); });
    }
    steps([&] { return mbedtls_mpi_lset(&context_.E, kExponent); });
    steps([&] { return mbedtls_mpi_mul_mpi(&context_.N, &context_.P, &context_.Q); });
    Status status = status_of(steps.code());
    if (status) status = check_parts(drbg, modulus_bits);
    if (!status) {
        clear();
        return status;
    }
    context_.len = mbedtls_mpi_size(&context_.N);
    return {};
}

Status RsaPrivateKey::check_parts(Drbg& drbg, std::size_t modulus_bits) {
    if (mbedtls_mpi_bitlen(&context_.N) != modulus_bits) return Error::invalid;
    if (mbedtls_mpi_cmp_mpi(&context_.P, &context_.Q) == 0) return Error::invalid;
    if (mbedtls_mpi_cmp_mpi(&context_.QP, &context_.P) >= 0) return Error::invalid;
    Steps steps;
    steps([&] { return require_exponent(&context_.DP, &context_.E, &context_.P); });
    steps([&] { return require_exponent(&context_.DQ, &context_.E, &context_.Q); });
    steps([&] { return require_inverse(&context_.QP, &context_.Q, &context_.P); });
    steps([&] { return mbedtls_mpi_is_prime_ext(&context_.P, kPrimalityRounds, Drbg::callback, &drbg); });
    steps([&] { return mbedtls_mpi_is_prime_ext(&context_.Q, kPrimalityRounds, Drbg::callback, &drbg); });
    return status_of(steps.code());
}

Result<std::size_t> RsaPrivateKey::save(MutableBytes out) const {
    const std::size_t half = modulus_size() / 2;
    const std::size_t length = 2 + 5 * half;
    if (half == 0 || out.size() < length) return Error::invalid;
    out[0] = kFormat;
    out[1] = static_cast<std::uint8_t>(half / 16);
    const mbedtls_mpi* const source[] = {&context_.P, &context_.Q, &context_.DP, &context_.DQ, &context_.QP};
    MutableBytes rest = out.subspan(2, 5 * half);
    for (const mbedtls_mpi* number : source) {
        if (const int failed = mbedtls_mpi_write_binary(number, rest.data(), half); failed != 0) {
            wipe(out.first(length));
            return error_of(failed);
        }
        rest = rest.subspan(half);
    }
    return length;
}

Status RsaPrivateKey::load(Bytes saved) {
    clear();
    if (saved.size() < 2 || !is_rsa_size(std::size_t{saved[1]} * 16 * 16)) return Error::invalid;
    return load_any_size(saved);
}

Status RsaPrivateKey::load_any_size(Bytes saved) {
    clear();
    if (saved.size() < 2 || saved[0] != kFormat) return Error::invalid;
    const std::size_t half = std::size_t{saved[1]} * 16;
    if (half == 0 || saved.size() != 2 + 5 * half) return Error::invalid;
    mbedtls_mpi* const target[] = {&context_.P, &context_.Q, &context_.DP, &context_.DQ, &context_.QP};
    Bytes rest = saved.subspan(2);
    Steps steps;
    for (mbedtls_mpi* number : target) {
        steps([&] { return mbedtls_mpi_read_binary(number, rest.data(), half); });
        rest = rest.subspan(half);
    }
    steps([&] { return mbedtls_mpi_lset(&context_.E, kExponent); });
    steps([&] { return mbedtls_mpi_mul_mpi(&context_.N, &context_.P, &context_.Q); });
    if (steps.code() == 0 && mbedtls_mpi_bitlen(&context_.N) != half * 16) {
        clear();
        return Error::invalid;
    }
    if (steps.code() != 0) {
        clear();
        return error_of(steps.code());
    }
    context_.len = 2 * half;
    return {};
}

std::size_t RsaPrivateKey::modulus_size() const { return context_.len; }

Status RsaPrivateKey::modulus(MutableBytes out) const {
    if (context_.len == 0 || out.size() < context_.len) return Error::invalid;
    return status_of(mbedtls_mpi_write_binary(&context_.N, out.data(), context_.len));
}

Status RsaPrivateKey::private_operation(Drbg& drbg, Bytes in, MutableBytes out) {
    if (context_.len == 0 || in.size() != context_.len || out.size() != context_.len) return Error::invalid;
    if (Status s = drbg.tests().before(Tested::rsa); !s) return s;
    const int failed = mbedtls_rsa_private(&context_, Drbg::callback, &drbg, in.data(), out.data());
    if (failed == 0) return {};
    wipe(out);
    return error_of(failed);
}

Status rsa_public_operation(Bytes modulus, Bytes in, MutableBytes out) {
    if (modulus.empty() || modulus.size() > kMaxRsaModulus || in.size() != modulus.size() ||
        out.size() != modulus.size()) {
        return Error::invalid;
    }
    init_arena();
    Number n;
    Number e;
    Number x;
    Steps steps;
    steps([&] { return mbedtls_mpi_read_binary(n.get(), modulus.data(), modulus.size()); });
    steps([&] { return mbedtls_mpi_lset(e.get(), kExponent); });
    steps([&] { return mbedtls_mpi_read_binary(x.get(), in.data(), in.size()); });
    steps([&] { return mbedtls_mpi_cmp_mpi(x.get(), n.get()) < 0 ? 0 : MBEDTLS_ERR_RSA_BAD_INPUT_DATA; });
    steps([&] { return mbedtls_mpi_exp_mod(x.get(), x.get(), e.get(), n.get(), nullptr); });
    steps([&] { return mbedtls_mpi_write_binary(x.get(), out.data(), out.size()); });
    return status_of(steps.code());
}

}  // namespace sealkey::crypto
