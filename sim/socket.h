// Sockets that close themselves, never block, and never raise SIGPIPE.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace sealkey::sim {

class Socket {
public:
    Socket() = default;
    explicit Socket(int fd) : fd_(fd) {}
    ~Socket() { close(); }
    Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Socket& operator=(Socket&& other) noexcept {
        if (this != &other) {
            close();
            fd_ = std::exchange(other.fd_, -1);
        }
        return *this;
    }

    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool open() const { return fd_ >= 0; }
    void close();

private:
    int fd_ = -1;
};

// Starts connecting; finish with connected(). Not open: refused at once.
[[nodiscard]] Socket connect_tcp(const std::string& host, std::uint16_t port);
// After the descriptor became writable: whether the connection stands.
[[nodiscard]] bool connected(const Socket& socket);

// Listens at an IPv4 address; port 0: a free one, which port_of() tells. Throws std::runtime_error.
[[nodiscard]] Socket listen_tcp(const std::string& host, std::uint16_t port);
[[nodiscard]] std::uint16_t port_of(const Socket& listener);

// Listens at a path, which is removed by the end of the process through unlink_listeners(). A socket file that nobody
// listens at any more is replaced. Throws std::runtime_error.
[[nodiscard]] Socket listen_unix(const std::string& path);
void unlink_listeners() noexcept;

[[nodiscard]] Socket accept_from(const Socket& listener);

enum class Received : std::uint8_t { data, nothing, closed };
// Appends what is there.
Received receive(const Socket& socket, std::vector<std::uint8_t>& into);
// Sends as much as goes and removes it from `data`. False: the connection has gone.
bool send_some(const Socket& socket, std::vector<std::uint8_t>& data);

}  // namespace sealkey::sim
