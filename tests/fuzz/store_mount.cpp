// The store's and the try log's mount over whatever lies in flash: an answer, no crash, and what could be mounted can
// be written and mounted again.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "store/store.h"
#include "store/try_log.h"
#include "support/flash_model.h"

using namespace sealkey;

namespace {

constexpr std::uint32_t kTryLogSectors = 2;
constexpr std::uint32_t kSectors = 14;

// Patches: offset(3) length(1) bytes, over a formatted part with some objects, so that checksums mostly hold.
void patch(std::vector<std::uint8_t>& cells, Bytes input) {
    while (input.size() >= 4) {
        const std::size_t offset = ((input[0] << 16U) | (input[1] << 8U) | input[2]) % cells.size();
        const std::size_t length = std::min({std::size_t{input[3]}, input.size() - 4, cells.size() - offset});
        std::copy_n(input.begin() + 4, length, cells.begin() + static_cast<std::ptrdiff_t>(offset));
        input = input.subspan(4 + length);
    }
}

std::vector<std::uint8_t> written_part(platform::FlashGeometry geometry) {
    test::FlashModel flash(geometry);
    store::TryLog tries(flash, {0, kTryLogSectors});
    store::Store store(flash, {kTryLogSectors, kSectors - kTryLogSectors});
    if (!tries.format() || !store.format()) std::abort();
    std::vector<std::uint8_t> value(700);
    for (store::ObjectId id = 1; id < 9; ++id) {
        std::fill(value.begin(), value.end(), static_cast<std::uint8_t>(id));
        if (!store.put(id, value)) std::abort();
    }
    if (!store.remove(3) || !store.put(5, Bytes(value).first(20), store::Sensitivity::secret)) std::abort();
    if (!tries.spend(store::TryReference::pin, 1) || !tries.clear(store::TryReference::pin, 1)) std::abort();
    return flash.state().bytes;
}

// A part with this content: a unit that reads erased throughout may be programmed.
test::FlashModel::State state_of(std::vector<std::uint8_t> cells, const platform::FlashGeometry& geometry) {
    test::FlashModel::State state;
    state.programmed.resize(cells.size() / geometry.unit_size);
    for (std::size_t at = 0; at < cells.size(); ++at) {
        if (cells[at] != 0xFF) state.programmed[at / geometry.unit_size] = true;
    }
    state.half_erased.resize(geometry.sector_count);
    state.bytes = std::move(cells);
    return state;
}

void use(store::Store& store) {
    std::uint8_t byte = 0;
    for (store::ObjectId id = 0; id < 12; ++id) {
        const auto size = store.size(id);
        if (size && *size > 0) (void)store.read(id, *size - 1, {&byte, 1});
    }
}

}  // namespace

// First byte: unit size by its low bits, and whether the rest is patches or the part's raw beginning.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    constexpr std::uint32_t kUnits[] = {4, 8, 16, 256};
    const platform::FlashGeometry geometry{4096, kSectors, kUnits[data[0] & 3]};
    const Bytes rest(data + 1, size - 1);
    static const std::vector<std::uint8_t> parts[] = {
        written_part({4096, kSectors, 4}), written_part({4096, kSectors, 8}), written_part({4096, kSectors, 16}),
        written_part({4096, kSectors, 256})};
    std::vector<std::uint8_t> cells = parts[data[0] & 3];
    if ((data[0] & 4) != 0) {
        patch(cells, rest);
    } else {
        std::copy_n(rest.begin(), std::min(rest.size(), cells.size()), cells.begin());
    }
    test::FlashModel flash(geometry);
    flash.restore(state_of(std::move(cells), geometry));

    store::TryLog tries(flash, {0, kTryLogSectors});
    if (tries.mount()) {
        const std::uint8_t before = tries.spent(store::TryReference::pin, 1);
        if (tries.spend(store::TryReference::pin, 1) && before < 0xFF &&
            tries.spent(store::TryReference::pin, 1) <= before) {
            std::abort();  // a try was spent and doesn't count
        }
    }
    store::Store store(flash, {kTryLogSectors, kSectors - kTryLogSectors});
    if (!store.mount()) return 0;
    use(store);
    const std::uint8_t mark[] = {1, 2, 3};
    const bool written = store.put(9, mark).ok();
    store::Store again(flash, {kTryLogSectors, kSectors - kTryLogSectors});
    if (!again.mount()) std::abort();  // what was mounted and written must mount again
    use(again);
    std::uint8_t back[3] = {};
    if (written && (!again.read(9, 0, back) || !equal(back, mark))) std::abort();
    return 0;
}
