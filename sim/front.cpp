#include "front.h"

#include <spdlog/spdlog.h>

namespace sealkey::sim {

namespace {
constexpr std::chrono::milliseconds kRetry{100};
}

bool FramedConnection::serve() {
    if (stale()) return false;
    std::vector<std::uint8_t> input;
    if (receive(socket_, input) == Received::closed) return false;
    frames_.feed(input);
    while (const auto body = frames_.next()) {
        const auto answer = token_.exchange(*body);
        if (stale()) return false;
        if (!answer) continue;
        const auto frame = vpcd_frame(*answer);
        output_.insert(output_.end(), frame.begin(), frame.end());
    }
    return send_some(socket_, output_);
}

void ReaderFront::collect(PollSet& set) {
    if (connection_ && connection_->stale()) lost();
    if (!token_.plugged()) {
        connecting_.close();
        return;
    }
    if (connection_) {
        set.add(connection_->socket().fd(), connection_->wanted_events(), [this] {
            if (connection_ && !connection_->serve()) lost();
        });
    } else if (connecting_.open()) {
        set.add(connecting_.fd(), POLLOUT, [this] { on_connect(); });
    } else {
        set.at(next_try_, [this] { try_connect(); });
    }
}

void ReaderFront::try_connect() {
    next_try_ = PollSet::Clock::now() + kRetry;
    connecting_ = connect_tcp(host_, port_);
}

void ReaderFront::on_connect() {
    if (!connecting_.open()) return;
    if (!connected(connecting_)) {
        connecting_.close();
        if (!said_waiting_) spdlog::info("{}: waiting for a reader at {}:{}", token_.path(), host_, port_);
        said_waiting_ = true;
        return;
    }
    said_waiting_ = false;
    spdlog::info("{}: in the reader at {}:{}", token_.path(), host_, port_);
    connection_ = std::make_unique<FramedConnection>(std::move(connecting_), token_);
}

void ReaderFront::lost() {
    connection_.reset();
    next_try_ = PollSet::Clock::now() + kRetry;
    spdlog::info("{}: out of the reader at {}:{}", token_.path(), host_, port_);
}

void SocketFront::collect(PollSet& set) {
    connections_.remove_if([](const FramedConnection& connection) { return connection.stale(); });
    set.add(listener_.fd(), POLLIN, [this] { accept_one(); });
    for (auto connection = connections_.begin(); connection != connections_.end(); ++connection) {
        set.add(connection->socket().fd(), connection->wanted_events(), [this, connection] { serve(connection); });
    }
}

// While the token is out there is nobody to talk to: the caller sees its connection end.
void SocketFront::accept_one() {
    Socket socket = accept_from(listener_);
    if (socket.open() && token_.plugged()) connections_.emplace_back(std::move(socket), token_);
}

void SocketFront::serve(std::list<FramedConnection>::iterator connection) {
    if (!connection->serve()) connections_.erase(connection);
}

}  // namespace sealkey::sim
