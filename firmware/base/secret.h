// Secret<N>: at most N bytes that are wiped when they go. Can be moved (the source is wiped), not copied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"

namespace sealkey {

template <std::size_t N>
class Secret {
public:
    Secret() = default;
    explicit Secret(Bytes from) { assign(from); }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    Secret(Secret&& other) noexcept { take(other); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            clear();
            take(other);
        }
        return *this;
    }
    ~Secret() { clear(); }

    static constexpr std::size_t capacity() { return N; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] Bytes bytes() const { return {data_.data(), size_}; }

    // The whole buffer, for a function that fills it; follow with resize().
    MutableBytes buffer() { return data_; }
    void resize(std::size_t n) {
        if (n > N) std::abort();
        size_ = n;
    }
    void assign(Bytes from) {
        if (from.size() > N) std::abort();
        clear();
        if (!from.empty()) std::memcpy(data_.data(), from.data(), from.size());
        size_ = from.size();
    }
    void clear() {
        wipe(data_);
        size_ = 0;
    }

private:
    void take(Secret& other) {
        std::memcpy(data_.data(), other.data_.data(), N);
        size_ = other.size_;
        other.clear();
    }

    std::array<std::uint8_t, N> data_{};
    std::size_t size_ = 0;
};

}  // namespace sealkey
