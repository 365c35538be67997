#include "flash.h"

#include <hardware/flash.h>
#include <hardware/watchdog.h>
#include <pico/flash.h>

#include <cstring>

#include "memory.h"

namespace sealkey::board {

namespace {

// Nobody else holds the flash: there is one thread, and the other core sleeps in the boot ROM.
constexpr std::uint32_t kNoWait = 0;

struct Work {
    std::uint32_t offset;
    const std::uint8_t* page;  // null: erase the sector
};

// In RAM by the SDK's own functions: they copy what they need before the flash goes away.
void __no_inline_not_in_flash_func(do_work)(void* parameter) {
    const Work* work = static_cast<const Work*>(parameter);
    if (work->page != nullptr) {
        flash_range_program(work->offset, work->page, FLASH_PAGE_SIZE);
    } else {
        flash_range_erase(work->offset, FLASH_SECTOR_SIZE);
    }
}

// Feeds the watchdog: what a power cut left may take many slow erases to clean up, before the tick runs that feeds it
// otherwise; a restart amid that would tear one more.
bool execute(Work work) {
    watchdog_update();
    return flash_safe_execute(do_work, &work, kNoWait) == PICO_OK;
}

// NOLINTNEXTLINE(performance-no-int-to-ptr): where the flash is, there is no pointer to begin with
const std::uint8_t* at(std::uint32_t offset) { return reinterpret_cast<const std::uint8_t*>(XIP_BASE + offset); }

bool in_ring(std::uint32_t offset, std::size_t size) { return offset <= store_size() && size <= store_size() - offset; }

}  // namespace

bool program_flash(std::uint32_t offset, Bytes data) {
    if (offset % FLASH_PAGE_SIZE != 0 || data.size() % FLASH_PAGE_SIZE != 0) return false;
    while (!data.empty()) {
        // The source may itself lie in flash, which can't be read meanwhile.
        alignas(4) std::uint8_t page[FLASH_PAGE_SIZE];
        std::memcpy(page, data.data(), sizeof page);
        const bool done = execute({offset, page}) && std::memcmp(at(offset), page, sizeof page) == 0;
        wipe(page);
        if (!done) return false;
        data = data.subspan(sizeof page);
        offset += sizeof page;
    }
    return true;
}

bool erase_flash_sector(std::uint32_t offset) {
    if (offset % FLASH_SECTOR_SIZE != 0 || !execute({offset, nullptr})) return false;
    const auto* words = reinterpret_cast<const std::uint32_t*>(at(offset));
    std::uint32_t all = 0xFFFFFFFF;
    for (std::uint32_t i = 0; i < FLASH_SECTOR_SIZE / sizeof *words; ++i) all &= words[i];
    return all == 0xFFFFFFFF;
}

platform::FlashGeometry RingFlash::geometry() const {
    return {FLASH_SECTOR_SIZE, store_size() / FLASH_SECTOR_SIZE, FLASH_PAGE_SIZE};
}

bool RingFlash::read(std::uint32_t offset, MutableBytes out) {
    if (!in_ring(offset, out.size())) return false;
    std::memcpy(out.data(), at(store_offset() + offset), out.size());
    return true;
}

bool RingFlash::program(std::uint32_t offset, Bytes data) {
    return in_ring(offset, data.size()) && program_flash(store_offset() + offset, data);
}

bool RingFlash::erase(std::uint32_t sector) {
    if (sector >= store_size() / FLASH_SECTOR_SIZE) return false;
    return erase_flash_sector(store_offset() + sector * FLASH_SECTOR_SIZE);
}

}  // namespace sealkey::board
