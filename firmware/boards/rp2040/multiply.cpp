// Two of mbedTLS's functions with a squaring of their own: of a number's products with itself nearly half are the same,
// and squarings are most of what exponentiation and curves do. Both stand in front of the library's, which
// mbedtls_config.h makes weak; multiply.S has the inner loop. No branch and no address depends on a number's value.
#include <cstddef>
#include <cstdint>
#include <cstring>

using Limb = std::uint32_t;  // mbedtls_mpi_uint on this core

extern "C" {

Limb mbedtls_mpi_core_mla(Limb* d, std::size_t d_limbs, const Limb* s, std::size_t s_limbs, Limb b);
Limb mbedtls_mpi_core_sub(Limb* x, const Limb* a, const Limb* b, std::size_t limbs);
void mbedtls_mpi_core_mul(Limb* x, const Limb* a, std::size_t a_limbs, const Limb* b, std::size_t b_limbs);
void mbedtls_mpi_core_montmul(Limb* x, const Limb* a, const Limb* b, std::size_t b_limbs, const Limb* n,
                              std::size_t limbs, Limb mm, Limb* t);

}  // extern "C"

namespace {

// x + y + carry (0 or 1); the new carry goes back.
inline Limb add(Limb x, Limb y, Limb& carry) {
    const Limb partial = x + carry;
    const Limb sum = partial + y;
    carry = static_cast<Limb>(partial < x) | static_cast<Limb>(sum < y);
    return sum;
}

// x = a * a, 2 * limbs words: each product of two different limbs once, all doubled, and the squares of the limbs.
void square(Limb* x, const Limb* a, std::size_t limbs) {
    std::memset(x, 0, 2 * limbs * sizeof *x);
    for (std::size_t i = 0; i + 1 < limbs; ++i) {
        const std::size_t above = limbs - i - 1;
        x[limbs + i] = mbedtls_mpi_core_mla(x + 2 * i + 1, above, a + i + 1, above, a[i]);
    }
    Limb shifted = 0;
    Limb carry = 0;
    for (std::size_t i = 0; i < limbs; ++i) {
        const Limb low = a[i] & 0xFFFF;
        const Limb high = a[i] >> 16;
        const Limb middle = low * high;
        Limb over = 0;
        const Limb square_low = add(low * low, middle << 17, over);
        const Limb square_high = high * high + (middle >> 15) + over;
        const Limb x0 = x[2 * i];
        const Limb x1 = x[2 * i + 1];
        x[2 * i] = add((x0 << 1) | shifted, square_low, carry);
        x[2 * i + 1] = add((x1 << 1) | (x0 >> 31), square_high, carry);
        shifted = x1 >> 31;
    }
}

}  // namespace

void mbedtls_mpi_core_mul(Limb* x, const Limb* a, std::size_t a_limbs, const Limb* b, std::size_t b_limbs) {
    if (a == b && a_limbs == b_limbs) return square(x, a, a_limbs);
    std::memset(x, 0, (a_limbs + b_limbs) * sizeof *x);
    for (std::size_t i = 0; i < b_limbs; ++i) x[i + a_limbs] = mbedtls_mpi_core_mla(x + i, a_limbs, a, a_limbs, b[i]);
}

// Montgomery's: the product in t (2 * limbs + 1 words), made divisible by a multiple of n row by row, the upper half
// less n where it isn't below n.
void mbedtls_mpi_core_montmul(Limb* x, const Limb* a, const Limb* b, std::size_t b_limbs, const Limb* n,
                              std::size_t limbs, Limb mm, Limb* t) {
    std::memset(t, 0, (2 * limbs + 1) * sizeof *t);
    mbedtls_mpi_core_mul(t, a, limbs, b, b_limbs);
    Limb carry = 0;
    for (std::size_t i = 0; i < limbs; ++i) {
        const Limb row = mbedtls_mpi_core_mla(t + i, limbs, n, limbs, t[i] * mm);
        t[i + limbs] = add(t[i + limbs], row, carry);
    }
    t += limbs;
    const Limb borrow = mbedtls_mpi_core_sub(x, t, n, limbs);
    // Below n: the carry is 0 and the subtraction borrowed, and t is the result; otherwise x already is.
    const Limb keep = 0U - (carry ^ borrow);
    for (std::size_t i = 0; i < limbs; ++i) x[i] ^= (x[i] ^ t[i]) & keep;
}
