// Result<T>: a value or a named error, which a caller can't ignore.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <utility>

namespace sealkey {

// What can go wrong below the APDU layer. The applet maps these to status words in one place.
enum class Error : std::uint8_t {
    not_found,           // no such object
    no_space,            // the write can't be reserved; nothing was changed
    too_large,           // longer than the stated limit
    invalid,             // an argument or a format breaks the stated rule
    corrupt,             // stored data fails its check
    unsupported_format,  // a format version this firmware doesn't know; nothing was changed
    wrong_secret,        // a seal didn't open
    exhausted,           // no tries left
    flash_failure,       // the flash driver reported a failure
    crypto_failure,      // the crypto library reported a failure
    busy,                // an operation that excludes this one is under way
};

template <class T, class E = Error>
class [[nodiscard]] Result {
public:
    Result(T value) : value_(std::move(value)) {}
    Result(E error) : error_(error) {}

    [[nodiscard]] bool ok() const { return value_.has_value(); }
    explicit operator bool() const { return ok(); }

    // Only when ok().
    T& value() {
        if (!value_) std::abort();
        return *value_;
    }
    const T& value() const {
        if (!value_) std::abort();
        return *value_;
    }
    T& operator*() { return value(); }
    const T& operator*() const { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    // Only when !ok().
    [[nodiscard]] E error() const { return error_; }

private:
    std::optional<T> value_;
    E error_{};
};

template <class E>
class [[nodiscard]] Result<void, E> {
public:
    Result() = default;
    Result(E error) : error_(error) {}

    [[nodiscard]] bool ok() const { return !error_.has_value(); }
    explicit operator bool() const { return ok(); }
    [[nodiscard]] E error() const { return *error_; }

private:
    std::optional<E> error_;
};

using Status = Result<void>;

}  // namespace sealkey
