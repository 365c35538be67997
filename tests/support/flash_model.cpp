#include "support/flash_model.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sealkey::test {

namespace {

[[noreturn]] void broken(const char* rule, std::uint32_t offset, std::size_t length) {
    std::fprintf(stderr, "flash rule broken: %s at offset %u, %zu bytes\n", rule, static_cast<unsigned>(offset),
                 length);
    std::abort();
}

}  // namespace

const char* name_of(Tear tear) {
    switch (tear) {
        case Tear::nothing:
            return "nothing";
        case Tear::prefix:
            return "prefix";
        case Tear::subset:
            return "subset";
        case Tear::weak:
            return "weak";
        case Tear::nearly:
            return "nearly";
    }
    return "?";
}

FlashModel::FlashModel(platform::FlashGeometry geometry) : geometry_(geometry) {
    const std::size_t size = std::size_t{geometry.sector_size} * geometry.sector_count;
    state_.bytes.assign(size, 0xFF);
    state_.programmed.assign(size / geometry.unit_size, false);
    state_.half_erased.assign(geometry.sector_count, false);
    wear_.assign(geometry.sector_count, 0);
}

bool FlashModel::read(std::uint32_t offset, MutableBytes out) {
    if (dead_) return false;
    if (offset > state_.bytes.size() || out.size() > state_.bytes.size() - offset)
        broken("read out of range", offset, out.size());
    std::copy_n(state_.bytes.begin() + offset, out.size(), out.begin());
    if (!state_.weak.empty()) {
        const auto end = state_.weak.lower_bound(offset + static_cast<std::uint32_t>(out.size()));
        for (auto it = state_.weak.lower_bound(offset); it != end; ++it) {
            const auto flips = static_cast<std::uint8_t>(noise_() & it->second);
            out[it->first - offset] = static_cast<std::uint8_t>(out[it->first - offset] ^ flips);
        }
    }
    return true;
}

bool FlashModel::counts_down() {
    ++operations_;
    if (!armed_) return false;
    if (countdown_ > 0) {
        --countdown_;
        return false;
    }
    armed_ = false;
    dead_ = true;
    return true;
}

bool FlashModel::program(std::uint32_t offset, Bytes data) {
    if (dead_ || refuses_) return false;
    const std::uint32_t unit = geometry_.unit_size;
    if (data.empty() || offset % unit != 0 || data.size() % unit != 0) broken("program alignment", offset, data.size());
    if (offset > state_.bytes.size() || data.size() > state_.bytes.size() - offset)
        broken("program range", offset, data.size());
    if (offset / geometry_.sector_size != (offset + data.size() - 1) / geometry_.sector_size)
        broken("program across a sector", offset, data.size());
    if (state_.half_erased[offset / geometry_.sector_size])
        broken("program in a half erased sector", offset, data.size());
    for (std::uint32_t u = offset / unit; u < (offset + data.size()) / unit; ++u)
        if (state_.programmed[u]) broken("unit programmed twice", offset, data.size());
    for (std::size_t i = 0; i < data.size(); ++i)
        if (state_.bytes[offset + i] != 0xFF) broken("bits of a blank unit are not set", offset, data.size());
    last_ = {false, offset, static_cast<std::uint32_t>(data.size())};
    if (counts_down()) {
        tear_program(offset, data);
        return false;
    }
    for (std::uint32_t u = offset / unit; u < (offset + data.size()) / unit; ++u) state_.programmed[u] = true;
    std::copy(data.begin(), data.end(), state_.bytes.begin() + offset);
    return true;
}

bool FlashModel::erase(std::uint32_t sector) {
    if (dead_ || refuses_) return false;
    if (sector >= geometry_.sector_count) broken("erase range", sector, 0);
    const std::uint32_t size = geometry_.sector_size;
    last_ = {true, sector * size, size};
    if (counts_down()) {
        tear_erase(sector);
        return false;
    }
    ++erasures_;
    ++wear_[sector];
    std::fill_n(state_.bytes.begin() + sector * size, size, std::uint8_t{0xFF});
    std::fill_n(state_.programmed.begin() + sector * (size / geometry_.unit_size), size / geometry_.unit_size, false);
    state_.half_erased[sector] = false;
    state_.weak.erase(state_.weak.lower_bound(sector * size), state_.weak.lower_bound((sector + 1) * size));
    return true;
}

void FlashModel::tear_program(std::uint32_t offset, Bytes data) {
    if (tear_ == Tear::nothing) return;
    const std::uint32_t unit = geometry_.unit_size;
    // Where a prefix ends, units beyond it were never touched.
    std::size_t touched = data.size();
    if (tear_ == Tear::prefix) touched = random_() % data.size() + 1;
    bool all = true;
    bool none = true;
    for (std::size_t i = 0; i < data.size(); ++i) {
        std::uint8_t done = 0;  // bits of this byte that the operation reached
        if (tear_ == Tear::prefix) {
            if (i + 1 < touched) done = 0xFF;
            if (i + 1 == touched) done = static_cast<std::uint8_t>(0xFF << (random_() % 9));
        } else if (tear_ == Tear::nearly) {
            done = 0xFF;
        } else {
            done = static_cast<std::uint8_t>(random_());
        }
        const auto zeros = static_cast<std::uint8_t>(~data[i]);
        std::uint8_t weak = 0;
        if (tear_ == Tear::weak) weak = static_cast<std::uint8_t>(random_() & random_() & zeros);
        if (tear_ == Tear::nearly && random_() % 8 == 0)
            weak = static_cast<std::uint8_t>(random_() & random_() & zeros);
        state_.bytes[offset + i] = static_cast<std::uint8_t>(~(zeros & done));
        if (weak != 0) state_.weak[offset + static_cast<std::uint32_t>(i)] = weak;
        if ((zeros & done) != 0 || weak != 0) state_.programmed[(offset + i) / unit] = true;
        if ((zeros & done) != zeros || weak != 0) all = false;
        if ((zeros & done) != 0 || weak != 0) none = false;
    }
    if (tear_ == Tear::nearly && all) {  // at least one bit is always doubtful
        for (std::size_t i = 0; i < data.size(); ++i) {
            if (data[i] == 0xFF) continue;
            const auto zeros = static_cast<std::uint8_t>(~data[i]);
            state_.weak[offset + static_cast<std::uint32_t>(i)] = static_cast<std::uint8_t>(zeros & (0U - zeros));
            all = false;
            break;
        }
    }
    torn_ = !all && !none;
}

void FlashModel::tear_erase(std::uint32_t sector) {
    if (tear_ == Tear::nothing) return;
    const std::uint32_t start = sector * geometry_.sector_size;
    state_.half_erased[sector] = true;
    const std::uint32_t reach = random_() % geometry_.sector_size;
    const bool from_end = random_() % 2 == 0;
    bool changed = false;
    bool left = false;
    bool unsure = false;  // a bit that reads either way, made by this cut
    for (std::uint32_t i = 0; i < geometry_.sector_size; ++i) {
        std::uint8_t& byte = state_.bytes[start + i];
        const std::uint8_t before = byte;
        const auto zeros = static_cast<std::uint8_t>(~before);
        if (tear_ == Tear::prefix) {
            if (from_end ? i >= reach : i < reach) byte = 0xFF;
        } else if (tear_ == Tear::nearly) {
            // Early or late in the erasure: a few bits are raised, or a few are left, and they read either way.
            if (from_end) byte = 0xFF;
            if (zeros != 0 && random_() % 64 == 0) {
                state_.weak[start + i] = static_cast<std::uint8_t>(random_() & zeros);
                unsure = true;
            }
        } else {
            byte = static_cast<std::uint8_t>(before | random_());
            if (tear_ == Tear::weak) {
                const auto weak = static_cast<std::uint8_t>(random_() & random_() & zeros);
                if (weak != 0) {
                    state_.weak[start + i] = weak;
                    unsure = true;
                }
            }
        }
        if (byte != before) changed = true;
        if (byte != 0xFF) left = true;
    }
    torn_ = (changed && left) || unsure;
}

void FlashModel::cut_in(std::uint64_t after, Tear tear, std::uint32_t seed) {
    armed_ = true;
    countdown_ = after;
    tear_ = tear;
    torn_ = false;
    random_.seed(seed);
    noise_.seed(seed ^ 0x9E3779B9U);
}

void FlashModel::power_on() {
    armed_ = false;
    dead_ = false;
}

bool FlashModel::holds(Bytes needle) const {
    return ::memmem(state_.bytes.data(), state_.bytes.size(), needle.data(), needle.size()) != nullptr;
}

void FlashModel::restore(const State& state) {
    state_ = state;
    armed_ = false;
    dead_ = false;
    torn_ = false;
}

void FlashModel::fill(Bytes content) {
    std::copy_n(content.begin(), std::min(content.size(), state_.bytes.size()), state_.bytes.begin());
    std::fill(state_.programmed.begin(), state_.programmed.end(), true);
}

}  // namespace sealkey::test
