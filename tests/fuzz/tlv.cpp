// BER-TLV: whatever the bytes, the reader ends, stays inside them, and what it read can be written again.
#include <cstdlib>
#include <vector>

#include "base/tlv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sealkey;
    TlvReader reader({data, size});
    std::vector<std::uint8_t> again(size + 16);
    while (!reader.at_end()) {
        const std::size_t before = reader.rest().size();
        const auto item = reader.next();
        if (!item) {
            if (reader.rest().size() != before) std::abort();
            break;
        }
        if (reader.rest().size() >= before) std::abort();
        if (item->value.size() > 0 &&
            (item->value.data() < data || item->value.data() + item->value.size() > data + size)) {
            std::abort();
        }
        TlvWriter writer(again);
        writer.put(item->tag, item->value);
        if (!writer.ok()) std::abort();
        const auto found = find_tlv(writer.bytes(), item->tag);
        if (!found || !equal(*found, item->value)) std::abort();
    }
    return 0;
}
