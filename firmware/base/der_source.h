// DER read where it lies, in memory or in flash, without a copy; as strict as der.h. Nothing is decoded deeper than the
// caller asks.
#pragma once

#include <cstdint>

#include "base/der.h"

namespace sealkey {

// Where the bytes are.
class DerSource {
public:
    // Fills `out` from `offset`; false: they aren't there, or can't be read.
    [[nodiscard]] virtual bool read(std::uint32_t offset, MutableBytes out) const = 0;

protected:
    ~DerSource() = default;  // nobody deletes one: there is no heap
};

class DerMemory final : public DerSource {
public:
    explicit DerMemory(Bytes data) : data_(data) {}
    [[nodiscard]] bool read(std::uint32_t offset, MutableBytes out) const override {
        if (offset > data_.size() || out.size() > data_.size() - offset) return false;
        if (!out.empty()) std::memcpy(out.data(), data_.data() + offset, out.size());
        return true;
    }

private:
    Bytes data_;
};

// One data value: where it starts with its tag, and where its content begins and ends. Offsets are the source's.
struct DerItem {
    std::uint8_t tag = 0;
    std::uint32_t start = 0;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;

    [[nodiscard]] std::uint32_t size() const { return end - begin; }        // of the content
    [[nodiscard]] std::uint32_t whole_size() const { return end - start; }  // with tag and length
};

// Reads one value after another from [begin, end) of a source. invalid: malformed, or it goes past the end;
// flash_failure: the source can't be read. After an error the reader stays where it was.
class DerCursor {
public:
    DerCursor(const DerSource& source, std::uint32_t begin, std::uint32_t end)
        : source_(&source), at_(begin), end_(end) {}
    // The content of a value.
    DerCursor(const DerSource& source, const DerItem& item) : DerCursor(source, item.begin, item.end) {}

    [[nodiscard]] bool at_end() const { return at_ == end_; }
    [[nodiscard]] Result<DerItem> next();
    [[nodiscard]] Result<DerItem> next(std::uint8_t tag);  // invalid: another tag
    // Whether the next value has this tag; the reader stays.
    [[nodiscard]] bool sees(std::uint8_t tag) const;

private:
    const DerSource* source_;
    std::uint32_t at_;
    std::uint32_t end_;
};

// The content as bytes, to the front of `out`; too_large, flash_failure.
[[nodiscard]] Result<Bytes> der_content(const DerSource& source, const DerItem& item, MutableBytes out);

}  // namespace sealkey
