#include "base/bytes.h"

namespace sealkey {

bool constant_time_equal(Bytes a, Bytes b) {
    if (a.size() != b.size()) return false;
    std::uint8_t difference = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
        asm volatile("" : "+r"(difference));  // keeps the loop from learning when the answer is settled
    }
    return difference == 0;
}

void wipe(MutableBytes b) {
    volatile std::uint8_t* p = b.data();
    for (std::size_t i = 0; i < b.size(); ++i) p[i] = 0;
}

}  // namespace sealkey
