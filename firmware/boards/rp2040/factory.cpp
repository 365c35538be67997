#include "factory.h"

#include <hardware/flash.h>

#include <algorithm>
#include <cstring>

#include "base/crc32.h"
#include "flash.h"
#include "memory.h"

namespace sealkey::board {

namespace {

// One page: magic, secret, CRC of both; the rest stays erased.
constexpr std::array<std::uint8_t, 8> kMagic = {'S', 'E', 'A', 'L', 'K', 'E', 'Y', '1'};
constexpr std::size_t kSecretAt = kMagic.size();
constexpr std::size_t kCrcAt = kSecretAt + platform::DeviceSecret::kSize;
constexpr std::size_t kRecordSize = kCrcAt + 4;

Bytes record() { return {__factory_start, kRecordSize}; }

}  // namespace

bool FlashDeviceSecret::present() const {
    return std::equal(kMagic.begin(), kMagic.end(), record().begin()) &&
           crc32(record().first(kCrcAt)) == load_be32(record().data() + kCrcAt);
}

bool FlashDeviceSecret::renew(platform::Entropy& entropy) {
    std::array<std::uint8_t, FLASH_PAGE_SIZE> page{};
    page.fill(0xFF);
    std::copy(kMagic.begin(), kMagic.end(), page.begin());
    bool good = entropy.fill(MutableBytes(page).subspan(kSecretAt, kSize));
    store_be32(page.data() + kCrcAt, crc32(Bytes(page).first(kCrcAt)));
    good = good && erase_flash_sector(factory_offset()) && program_flash(factory_offset(), page);
    wipe(page);
    return good && present();
}

void FlashDeviceSecret::read(std::span<std::uint8_t, kSize> out) {
    std::memcpy(out.data(), record().data() + kSecretAt, kSize);
}

}  // namespace sealkey::board
