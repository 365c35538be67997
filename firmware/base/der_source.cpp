#include "base/der_source.h"

#include <algorithm>
#include <array>

namespace sealkey {

Result<DerItem> DerCursor::next() {
    std::array<std::uint8_t, kMaxDerHead> start{};
    const std::uint32_t left = end_ - at_;
    const MutableBytes known = MutableBytes(start).first(std::min<std::size_t>(start.size(), left));
    if (!source_->read(at_, known)) return Error::flash_failure;
    const auto head = read_der_head(known);
    if (!head || head->length > left - head->size) return Error::invalid;
    DerItem item;
    item.tag = head->tag;
    item.start = at_;
    item.begin = at_ + static_cast<std::uint32_t>(head->size);
    item.end = item.begin + static_cast<std::uint32_t>(head->length);
    at_ = item.end;
    return item;
}

Result<DerItem> DerCursor::next(std::uint8_t tag) {
    const std::uint32_t before = at_;
    auto item = next();
    if (item && item->tag != tag) {
        at_ = before;
        return Error::invalid;
    }
    return item;
}

bool DerCursor::sees(std::uint8_t tag) const {
    std::uint8_t byte = 0;
    return at_ != end_ && source_->read(at_, {&byte, 1}) && byte == tag;
}

Result<Bytes> der_content(const DerSource& source, const DerItem& item, MutableBytes out) {
    if (item.size() > out.size()) return Error::too_large;
    const MutableBytes content = out.first(item.size());
    if (!source.read(item.begin, content)) return Error::flash_failure;
    return Bytes(content);
}

}  // namespace sealkey
