#include "entropy/conditioned.h"

#include <algorithm>

namespace sealkey::entropy {

bool ConditionedEntropy::sample(bool& out) {
    out = noise_.bit();
    const bool repetition = repetition_.add(out);
    const bool proportion = proportion_.add(out);
    const bool aperiodic = periods_.add(out);
    if (!repetition || !proportion || !aperiodic) failed_ = true;
    return !failed_;
}

// One whole window of the proportion test, and several of that for periods; its samples are thrown away.
bool ConditionedEntropy::start() {
    bool ignored = false;
    for (std::uint32_t i = 0; i < kProportionWindow; ++i) {
        if (!sample(ignored)) return false;
    }
    started_ = true;
    return true;
}

bool ConditionedEntropy::block(crypto::Sha256Digest& out) {
    std::array<std::uint8_t, kSamplesPerBlock / 8> raw{};
    bool good = true;
    for (unsigned i = 0; i < kSamplesPerBlock && good; ++i) {
        bool bit = false;
        good = sample(bit);
        raw[i / 8] = static_cast<std::uint8_t>(raw[i / 8] << 1 | (bit ? 1 : 0));
    }
    if (good) out = crypto::sha256(raw);
    wipe(raw);
    return good;
}

bool ConditionedEntropy::fill(MutableBytes out) {
    if (failed_ || (!started_ && !start())) return false;
    MutableBytes rest = out;
    crypto::Sha256Digest digest{};
    while (!rest.empty()) {
        if (!block(digest)) {
            wipe(out);
            return false;
        }
        const std::size_t piece = std::min(rest.size(), digest.size());
        std::copy_n(digest.begin(), piece, rest.begin());
        rest = rest.subspan(piece);
    }
    wipe(digest);
    return true;
}

}  // namespace sealkey::entropy
