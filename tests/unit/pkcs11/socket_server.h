#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <list>
#include <optional>
#include <string>
#include <thread>

#include "simulated_key.h"

namespace sealkey::test {

[[nodiscard]] inline sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return address;
}

// vpcd's framing, which simulators and programs speak: two bytes of length, then so many. Nothing: the other side has
// gone.
[[nodiscard]] inline std::optional<ByteVector> receive_framed(int link) {
    std::uint8_t head[2];
    if (::recv(link, head, 2, MSG_WAITALL) != 2) return std::nullopt;
    ByteVector body(static_cast<std::size_t>(head[0] << 8 | head[1]));
    if (body.empty()) return body;
    if (::recv(link, body.data(), body.size(), MSG_WAITALL) != static_cast<ssize_t>(body.size())) return std::nullopt;
    return body;
}
inline bool send_framed(int link, ByteView body) {
    ByteVector frame{static_cast<std::uint8_t>(body.size() >> 8), static_cast<std::uint8_t>(body.size())};
    frame.insert(frame.end(), body.begin(), body.end());
    return ::send(link, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size());
}

// A socket in a folder of its own; each connection to it has a thread.
class SocketServer {
public:
    explicit SocketServer(std::function<void(int link)> serve) : serve_(std::move(serve)) {
        char name[] = "/tmp/sealkey-socket-XXXXXX";
        folder_ = ::mkdtemp(name);
        const sockaddr_un address = address_of(path());
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
        ::listen(listener_, 8);
        accepting_ = std::thread([this] {
            for (;;) {
                const int link = ::accept(listener_, nullptr, nullptr);
                if (link < 0) return;
                serving_.emplace_back([this, link] {
                    serve_(link);
                    ::close(link);
                });
            }
        });
    }
    // When the programs have let go.
    ~SocketServer() {
        ::shutdown(listener_, SHUT_RDWR);
        accepting_.join();
        for (auto& thread : serving_) thread.join();
        ::close(listener_);
        ::unlink(path().c_str());
        ::rmdir(folder_.c_str());
    }
    SocketServer(const SocketServer&) = delete;
    SocketServer& operator=(const SocketServer&) = delete;
    [[nodiscard]] std::string path() const { return folder_ + "/card"; }

private:
    std::function<void(int link)> serve_;
    std::string folder_;
    int listener_ = -1;
    std::thread accepting_;
    std::list<std::thread> serving_;
};

}  // namespace sealkey::test
