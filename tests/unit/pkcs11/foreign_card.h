#pragma once

#include <atomic>

#include "card_socket.h"

namespace sealkey::test {

// A card of another kind behind a simulator's socket: it answers every command with the same status word.
class ForeignCard {
public:
    explicit ForeignCard(std::uint16_t word)
        : socket_([this, word] {
              return [this, word](const ByteVector& body) -> std::optional<ByteVector> {
                  if (body.size() == 1) return body[0] == 4 ? ByteVector{0x3B, 0x00} : ByteVector{};
                  ++commands_;
                  return ByteVector{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)};
              };
          }) {}
    [[nodiscard]] std::string path() const { return socket_.path(); }
    [[nodiscard]] int commands() const { return commands_; }

private:
    std::atomic<int> commands_{0};
    CardSocket socket_;
};

}  // namespace sealkey::test
