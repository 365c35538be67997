#pragma once

#include <atomic>

#include "card_socket.h"

namespace sealkey::test {

// A wire to a simulator that carries what it is given, until it is told to fail.
class FailingWire {
public:
    explicit FailingWire(std::string simulator)
        : simulator_(std::move(simulator)), socket_([this] {
              const auto link = std::make_shared<Link>(simulator_);
              return [this, link](const ByteVector& body) { return carry(*link, body); };
          }) {}
    [[nodiscard]] std::string path() const { return socket_.path(); }
    // Each command from now on is answered this, and the token never gets it.
    void answer(std::uint16_t word) { word_ = word; }
    // The next command ends its connection.
    void cut() { cut_ = true; }
    // Nothing is answered any more.
    void hush() { hushed_ = true; }

private:
    struct Link {
        explicit Link(const std::string& path) {
            const sockaddr_un address = address_of(path);
            static_cast<void>(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
        }
        ~Link() { ::close(socket); }
        Link(const Link&) = delete;
        Link& operator=(const Link&) = delete;
        int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    };
    std::optional<ByteVector> carry(const Link& link, const ByteVector& body) {
        if (hushed_) return ByteVector{};
        if (body.size() > 1 && cut_) return std::nullopt;
        if (const std::uint16_t word = word_; body.size() > 1 && word != 0) {
            return ByteVector{static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)};
        }
        static_cast<void>(send_framed(link.socket, body));
        return receive_framed(link.socket);
    }

    std::atomic<std::uint16_t> word_{0};
    std::atomic<bool> cut_{false};
    std::atomic<bool> hushed_{false};
    std::string simulator_;
    CardSocket socket_;
};

}  // namespace sealkey::test
