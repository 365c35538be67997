// How a token is reached: as a card in vpcd's reader, and by programs that connect to a socket.
#pragma once

#include <list>
#include <string>

#include "event_loop.h"
#include "socket.h"
#include "virtual_token.h"
#include "vpcd_frame.h"

namespace sealkey::sim {

// One connection with vpcd's framing. Its commands run in the event loop, which stands still for them and for one of a
// USB device's that runs meanwhile: who wants several tokens to be served side by side has them at USB, or in
// simulators of their own.
class FramedConnection {
public:
    FramedConnection(Socket socket, VirtualToken& token)
        : socket_(std::move(socket)), token_(token), generation_(token.generation()) {}

    [[nodiscard]] const Socket& socket() const { return socket_; }
    [[nodiscard]] short wanted_events() const { return output_.empty() ? POLLIN : POLLIN | POLLOUT; }
    // Answers what has come. False: the other side has gone, or the token was taken out, and so must this connection.
    bool serve();
    [[nodiscard]] bool stale() const { return generation_ != token_.generation(); }

private:
    Socket socket_;
    VirtualToken& token_;
    std::uint64_t generation_;
    VpcdFrameReader frames_;
    std::vector<std::uint8_t> output_;
};

// Connects to the reader, again and again until there is one, and again when the reader's service restarts.
class ReaderFront final : public EventSource {
public:
    ReaderFront(VirtualToken& token, std::string host, std::uint16_t port)
        : token_(token), host_(std::move(host)), port_(port) {}

    void collect(PollSet& set) override;
    [[nodiscard]] bool in_reader() const { return connection_ != nullptr; }

private:
    void try_connect();
    void on_connect();
    void lost();

    VirtualToken& token_;
    std::string host_;
    std::uint16_t port_;
    Socket connecting_;
    std::unique_ptr<FramedConnection> connection_;
    PollSet::Clock::time_point next_try_{};
    bool said_waiting_ = false;
};

// Serves any number of programs at a unix socket; they share the token command by command.
class SocketFront final : public EventSource {
public:
    SocketFront(VirtualToken& token, const std::string& path) : token_(token), listener_(listen_unix(path)) {}

    void collect(PollSet& set) override;

private:
    void accept_one();
    void serve(std::list<FramedConnection>::iterator connection);

    VirtualToken& token_;
    Socket listener_;
    std::list<FramedConnection> connections_;
};

}  // namespace sealkey::sim
