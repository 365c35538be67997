#pragma once

#include <poll.h>

#include <mutex>

#include "socket_server.h"

namespace sealkey::test {

// A reader with a fault: it carries everything to a simulator and back, but for the commands that it answers itself.
class GoBetween {
public:
    // The answer to a command, or nothing: the token's own.
    using Fault = std::function<std::optional<ByteVector>(ByteView)>;

    explicit GoBetween(std::string token) : token_(std::move(token)), server_([this](int link) { serve(link); }) {}
    [[nodiscard]] std::string path() const { return server_.path(); }

    void set_fault(Fault fault) {
        const std::lock_guard lock(mutex_);
        fault_ = std::move(fault);
        answered_ = 0;
    }
    // Commands that it has answered itself since.
    [[nodiscard]] int answered() {
        const std::lock_guard lock(mutex_);
        return answered_;
    }

private:
    // Until either side ends it.
    void serve(int link) {
        const sockaddr_un address = address_of(token_);
        const int token = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(token, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
            while (pass_one(link, token)) {
            }
        }
        ::close(token);
    }
    bool pass_one(int link, int token) {
        pollfd waiting[] = {{link, POLLIN, 0}, {token, POLLIN, 0}};
        if (::poll(waiting, 2, -1) < 0) return errno == EINTR;
        const bool asked = waiting[0].revents != 0;
        const auto body = receive_framed(asked ? link : token);
        if (!body) return false;
        if (asked && body->size() > 1) {
            if (const auto answer = own_answer(*body)) return send_framed(link, *answer);
        }
        return send_framed(asked ? token : link, *body);
    }
    std::optional<ByteVector> own_answer(ByteView command) {
        const std::lock_guard lock(mutex_);
        auto answer = fault_ ? fault_(command) : std::nullopt;
        if (!answer) return std::nullopt;
        ++answered_;
        return answer;
    }

    std::string token_;
    std::mutex mutex_;
    Fault fault_;
    int answered_ = 0;
    SocketServer server_;  // the last, since its threads use the others
};

}  // namespace sealkey::test
