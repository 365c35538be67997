#include "host_platform.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace sealkey::sim {

namespace {

constexpr std::size_t kPage = 256;

bool in_range(const platform::FlashGeometry& geometry, std::uint32_t offset, std::size_t length) {
    const std::uint64_t size = std::uint64_t{geometry.sector_size} * geometry.sector_count;
    return offset <= size && length <= size - offset;
}

}  // namespace

bool HostFlash::read(std::uint32_t offset, MutableBytes out) {
    if (!powered_ || !in_range(file_.geometry(), offset, out.size())) return false;
    std::copy_n(file_.flash().begin() + offset, out.size(), out.begin());
    return true;
}

bool HostFlash::program(std::uint32_t offset, Bytes data) {
    const platform::FlashGeometry& geometry = file_.geometry();
    if (offset % geometry.unit_size != 0 || data.size() % geometry.unit_size != 0 ||
        !in_range(geometry, offset, data.size())) {
        return false;
    }
    const Bytes before = file_.flash().subspan(offset, data.size());
    std::vector<std::uint8_t> wanted(data.begin(), data.end());
    bool blank = true;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        blank = blank && before[i] == 0xFF;
        wanted[i] &= before[i];
    }
    if (!blank) {
        // Some parts allow one program per unit; a firmware that relies on more is at fault.
        spdlog::error("flash: a unit at {:#x} is programmed twice without an erase", offset);
        return false;
    }
    return write("program", offset, wanted);
}

bool HostFlash::erase(std::uint32_t sector) {
    const platform::FlashGeometry& geometry = file_.geometry();
    if (sector >= geometry.sector_count) return false;
    std::vector<std::uint8_t> wanted(geometry.sector_size, 0xFF);
    return write("erase", sector * geometry.sector_size, wanted);
}

// The chip erases a blank sector as long as any other.
void HostFlash::tell_chip_time(std::size_t size) {
    ChipTime* const chip = ChipTime::running();
    if (chip == nullptr) return;
    if (size == file_.geometry().sector_size) {
        chip->did(ChipPart::flash, ChipOperation::erase_sector);
    } else {
        chip->did(ChipPart::flash, ChipOperation::program_page, static_cast<double>((size + kPage - 1) / kPage));
    }
}

void HostFlash::arm_cut(std::uint32_t number, Tear tear) {
    const std::lock_guard<std::mutex> held(mutex_);
    cut_.arm(number, tear);
}

void HostFlash::disarm_cut() {
    const std::lock_guard<std::mutex> held(mutex_);
    cut_.disarm();
}

bool HostFlash::cut_armed() {
    const std::lock_guard<std::mutex> held(mutex_);
    return cut_.armed();
}

std::optional<CutReport> HostFlash::last_cut() {
    const std::lock_guard<std::mutex> held(mutex_);
    return last_cut_;
}

void HostFlash::power_down() {
    const std::lock_guard<std::mutex> held(mutex_);
    powered_ = false;
}

bool HostFlash::write(const char* operation, std::uint32_t offset, MutableBytes wanted) {
    tell_chip_time(wanted.size());
    const std::lock_guard<std::mutex> held(mutex_);
    if (!powered_) return false;
    // What changes nothing (the erasure of a blank sector) is no place to cut: nothing could tear there.
    const Bytes now = file_.flash().subspan(offset, wanted.size());
    if (equal(now, wanted)) return true;
    ++operations_;
    if (cut_.strikes()) {
        std::uint64_t seed = 0;
        kernel_random({reinterpret_cast<std::uint8_t*>(&seed), sizeof seed});
        last_cut_ = cut_.apply(operation, offset, now, wanted, seed);
        powered_ = false;
    }
    file_.write_flash(offset, wanted);
    return powered_;
}

bool KernelEntropy::fill(MutableBytes out) {
    try {
        kernel_random(out);
    } catch (const StateError& error) {
        spdlog::error("{}", error.what());
        return false;
    }
    return true;
}

std::uint32_t HostClock::milliseconds() {
    const auto passed = std::chrono::steady_clock::now() - start_;
    return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(passed).count());
}

void HostClock::delay(std::uint32_t milliseconds) {
    const std::chrono::milliseconds time(milliseconds);
    if (ChipTime* const chip = ChipTime::running()) {
        chip->waited(time);  // with all the rest
    } else {
        std::this_thread::sleep_for(time);
    }
}

void FileDeviceSecret::read(std::span<std::uint8_t, kSize> out) {
    std::copy(file_.device_secret().begin(), file_.device_secret().end(), out.begin());
}

HostPlatform::HostPlatform(StateFile& file, bool presence)
    : flash_(file), presence_(presence), device_secret_(file), platform_{flash_,    entropy_,       clock_, indicator_,
                                                                         presence_, device_secret_, {}} {
    std::copy(file.chip_id().begin(), file.chip_id().end(), std::begin(platform_.chip_id));
}

}  // namespace sealkey::sim
