#include "socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace sealkey::sim {

namespace {

constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;

// vpcd sends length and body apart: without these each command waits for a delayed acknowledgement.
void make_prompt(int fd) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

// Paths to remove at the end; read by the signal thread, so it only grows while the program sets itself up.
std::vector<std::string>& listeners() {
    static std::vector<std::string> paths;
    return paths;
}

sockaddr_un unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        throw std::runtime_error("socket " + path + ": the path must have 1 to " +
                                 std::to_string(sizeof address.sun_path - 1) + " bytes");
    }
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    return address;
}

sockaddr_in internet_address(const char* what, const std::string& host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
        throw std::runtime_error(std::string(what) + " " + host + ": must be an IPv4 address");
    }
    return address;
}

}  // namespace

void Socket::close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

Socket connect_tcp(const std::string& host, std::uint16_t port) {
    const sockaddr_in address = internet_address("reader host", host, port);
    Socket socket(::socket(AF_INET, SOCK_STREAM | kFlags, 0));
    if (!socket.open()) return socket;
    make_prompt(socket.fd());
    const int failed = connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    if (failed != 0 && errno != EINPROGRESS) socket.close();
    return socket;
}

bool connected(const Socket& socket) {
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) return false;
    // A loopback port in the ephemeral range can connect to itself; that isn't a reader.
    sockaddr_in here{};
    sockaddr_in there{};
    socklen_t here_size = sizeof here;
    socklen_t there_size = sizeof there;
    if (getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&here), &here_size) != 0) return false;
    if (getpeername(socket.fd(), reinterpret_cast<sockaddr*>(&there), &there_size) != 0) return false;
    return here.sin_port != there.sin_port;
}

Socket listen_tcp(const std::string& host, std::uint16_t port) {
    const sockaddr_in address = internet_address("address", host, port);
    Socket socket(::socket(AF_INET, SOCK_STREAM | kFlags, 0));
    const int on = 1;
    setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool bound = bind(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (!bound || listen(socket.fd(), 16) != 0) {
        throw std::runtime_error("address " + host + ":" + std::to_string(port) + ": " + std::strerror(errno));
    }
    return socket;
}

std::uint16_t port_of(const Socket& listener) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
    return ntohs(address.sin_port);
}

Socket listen_unix(const std::string& path) {
    const sockaddr_un address = unix_address(path);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    Socket probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(probe.fd(), generic, sizeof address) == 0) {
        throw std::runtime_error("socket " + path + ": another program listens there");
    }
    struct stat info {};
    if (lstat(path.c_str(), &info) == 0) {
        if (!S_ISSOCK(info.st_mode)) throw std::runtime_error("socket " + path + ": a file is there that is no socket");
        unlink(path.c_str());
    }
    Socket socket(::socket(AF_UNIX, SOCK_STREAM | kFlags, 0));
    const mode_t before = umask(0077);
    const bool bound = bind(socket.fd(), generic, sizeof address) == 0;
    const int error = errno;
    umask(before);
    if (!bound || listen(socket.fd(), 16) != 0) {
        throw std::runtime_error("socket " + path + ": " + std::strerror(bound ? errno : error));
    }
    listeners().push_back(path);
    return socket;
}

void unlink_listeners() noexcept {
    for (const std::string& path : listeners()) unlink(path.c_str());
}

Socket accept_from(const Socket& listener) { return Socket(accept4(listener.fd(), nullptr, nullptr, kFlags)); }

Received receive(const Socket& socket, std::vector<std::uint8_t>& into) {
    std::array<std::uint8_t, 16384> piece{};
    const ssize_t n = recv(socket.fd(), piece.data(), piece.size(), 0);
    if (n > 0) {
        make_prompt(socket.fd());
        into.insert(into.end(), piece.begin(), piece.begin() + n);
        return Received::data;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return Received::nothing;
    return Received::closed;
}

bool send_some(const Socket& socket, std::vector<std::uint8_t>& data) {
    while (!data.empty()) {
        const ssize_t n = send(socket.fd(), data.data(), data.size(), MSG_NOSIGNAL);
        if (n > 0) {
            data.erase(data.begin(), data.begin() + n);
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        }
    }
    return true;
}

}  // namespace sealkey::sim
