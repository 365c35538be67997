#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <thread>

#include "simulated_key.h"

namespace sealkey::test {

// A reader with a fault: it carries everything to a simulator and back, but for the commands that it answers itself.
class GoBetween {
public:
    // The answer to a command, or nothing: the token's own.
    using Fault = std::function<std::optional<ByteVector>(ByteView)>;

    explicit GoBetween(std::string token) : token_(std::move(token)) {
        char name[] = "/tmp/sealkey-between-XXXXXX";
        folder_ = ::mkdtemp(name);
        listener_ = bound_to(path());
        accepting_ = std::thread([this] {
            for (;;) {
                const int link = ::accept(listener_, nullptr, nullptr);
                if (link < 0) return;
                serving_.emplace_back([this, link] { serve(link); });
            }
        });
    }
    ~GoBetween() {
        ::shutdown(listener_, SHUT_RDWR);
        accepting_.join();
        for (auto& thread : serving_) thread.join();
        ::close(listener_);
        ::unlink(path().c_str());
        ::rmdir(folder_.c_str());
    }
    GoBetween(const GoBetween&) = delete;
    GoBetween& operator=(const GoBetween&) = delete;
    [[nodiscard]] std::string path() const { return folder_ + "/reader"; }

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
    static sockaddr_un address_of(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        return address;
    }
    static int bound_to(const std::string& path) {
        const sockaddr_un address = address_of(path);
        const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
        ::listen(listener, 8);
        return listener;
    }
    static std::optional<ByteVector> receive(int link) {
        ByteVector frame(2);
        if (::recv(link, frame.data(), 2, MSG_WAITALL) != 2) return std::nullopt;
        const auto size = static_cast<std::size_t>(frame[0] << 8 | frame[1]);
        frame.resize(2 + size);
        if (::recv(link, &frame[2], size, MSG_WAITALL) != static_cast<ssize_t>(size)) return std::nullopt;
        return frame;
    }
    static bool send(int link, ByteView frame) {
        return ::send(link, frame.data(), frame.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(frame.size());
    }

    // Until either side ends it.
    void serve(int link) {
        const sockaddr_un address = address_of(token_);
        const int token = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(token, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
            while (pass_one(link, token)) {
            }
        }
        ::close(token);
        ::close(link);
    }
    bool pass_one(int link, int token) {
        pollfd waiting[] = {{link, POLLIN, 0}, {token, POLLIN, 0}};
        if (::poll(waiting, 2, -1) < 0) return errno == EINTR;
        const bool asked = waiting[0].revents != 0;
        const auto frame = receive(asked ? link : token);
        if (!frame) return false;
        if (asked && frame->size() > 3) {
            if (const auto answer = own_answer(ByteView(*frame).subspan(2))) return send(link, *answer);
        }
        return send(asked ? token : link, *frame);
    }
    std::optional<ByteVector> own_answer(ByteView command) {
        const std::lock_guard lock(mutex_);
        auto answer = fault_ ? fault_(command) : std::nullopt;
        if (!answer) return std::nullopt;
        ++answered_;
        answer->insert(answer->begin(),
                       {static_cast<std::uint8_t>(answer->size() >> 8), static_cast<std::uint8_t>(answer->size())});
        return answer;
    }

    std::string token_;
    std::string folder_;
    int listener_ = -1;
    std::mutex mutex_;
    Fault fault_;
    int answered_ = 0;
    std::thread accepting_;
    std::list<std::thread> serving_;
};

}  // namespace sealkey::test
