// What a command answers: some bytes built in memory, then possibly a body that is read from where it lies while the
// host collects it, so that a 32 KiB object needs no buffer.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/tlv.h"
#include "iso7816/apdu.h"

namespace sealkey::iso7816 {

// The body of a long reply. Valid until the next command other than GET RESPONSE.
class ResponseSource {
public:
    // Fills `out` from `offset`; false: it can't be read (6581).
    [[nodiscard]] virtual bool read(std::uint32_t offset, MutableBytes out) = 0;

protected:
    ~ResponseSource() = default;  // nobody deletes one: there is no heap
};

class Response {
public:
    // Longest head: the attestation of an RSA-4096 key by an RSA-4096 key.
    static constexpr std::size_t kHeadSize = 1920;

    void clear() {
        wipe({head_.data(), head_size_});
        head_size_ = 0;
        source_ = nullptr;
        source_size_ = 0;
    }

    // For a builder: the head's buffer, then its used length.
    MutableBytes head_buffer() { return head_; }
    void set_head_size(std::size_t n) { head_size_ = n; }
    // Copies; 6F00 if it doesn't fit, which no caller's data does.
    [[nodiscard]] StatusWord set(Bytes bytes) {
        if (bytes.size() > head_.size()) return protocol::sw::internal_error;
        if (!bytes.empty()) std::memcpy(head_.data(), bytes.data(), bytes.size());
        head_size_ = bytes.size();
        return protocol::sw::ok;
    }
    // A TlvWriter over head_buffer(): ok, or 6F00 when it overflowed.
    [[nodiscard]] StatusWord set(const TlvWriter& writer) {
        if (!writer.ok()) return protocol::sw::internal_error;
        head_size_ = writer.size();
        return protocol::sw::ok;
    }
    void set_body(ResponseSource& source, std::uint32_t size) {
        source_ = &source;
        source_size_ = size;
    }

    // Brings the body behind the head, where `room` bytes stay free behind both. False: it doesn't fit, or can't be
    // read.
    [[nodiscard]] bool gather(std::size_t room) {
        if (size() > kHeadSize - room) return false;
        const std::size_t whole = size();
        if (!read(static_cast<std::uint32_t>(head_size_), MutableBytes(head_).subspan(head_size_, source_size_))) {
            return false;
        }
        head_size_ = whole;
        source_ = nullptr;
        source_size_ = 0;
        return true;
    }
    [[nodiscard]] std::size_t head_size() const { return head_size_; }

    [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(head_size_) + source_size_; }
    // The bytes from `offset` on, out.size() of them.
    [[nodiscard]] bool read(std::uint32_t offset, MutableBytes out) {
        if (offset < head_size_) {
            const std::size_t n = out.size() < head_size_ - offset ? out.size() : head_size_ - offset;
            std::memcpy(out.data(), head_.data() + offset, n);
            out = out.subspan(n);
            offset += static_cast<std::uint32_t>(n);
        }
        if (out.empty()) return true;
        return source_ != nullptr && source_->read(offset - static_cast<std::uint32_t>(head_size_), out);
    }

private:
    std::array<std::uint8_t, kHeadSize> head_{};
    std::size_t head_size_ = 0;
    ResponseSource* source_ = nullptr;
    std::uint32_t source_size_ = 0;
};

}  // namespace sealkey::iso7816
