#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <thread>

#include "simulated_key.h"

namespace sealkey::test {

// Stands where programs look for a simulator. What it gets is `answer`'s to answer: an APDU, or the one byte that asks
// for the ATR. An empty answer isn't sent; none ends the connection.
class CardSocket {
public:
    using Answer = std::function<std::optional<ByteVector>(const ByteVector& body)>;

    // `begin` makes what answers one connection.
    explicit CardSocket(std::function<Answer()> begin) : begin_(std::move(begin)) {
        char name[] = "/tmp/sealkey-card-XXXXXX";
        folder_ = ::mkdtemp(name);
        const sockaddr_un address = address_of(path());
        listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
        ::listen(listener_, 8);
        accepting_ = std::thread([this] {
            for (;;) {
                const int link = ::accept(listener_, nullptr, nullptr);
                if (link < 0) return;
                serving_.emplace_back([this, link] { serve(link); });
            }
        });
    }
    // When the programs have let go.
    ~CardSocket() {
        ::shutdown(listener_, SHUT_RDWR);
        accepting_.join();
        for (auto& thread : serving_) thread.join();
        ::close(listener_);
        ::unlink(path().c_str());
        ::rmdir(folder_.c_str());
    }
    CardSocket(const CardSocket&) = delete;
    CardSocket& operator=(const CardSocket&) = delete;
    [[nodiscard]] std::string path() const { return folder_ + "/card"; }

    static sockaddr_un address_of(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        return address;
    }
    static std::optional<ByteVector> receive(int link) {
        std::uint8_t head[2];
        if (::recv(link, head, 2, MSG_WAITALL) != 2) return std::nullopt;
        ByteVector body(static_cast<std::size_t>(head[0] << 8 | head[1]));
        if (body.empty()) return body;
        if (::recv(link, body.data(), body.size(), MSG_WAITALL) != static_cast<ssize_t>(body.size())) return {};
        return body;
    }
    static void send(int link, const ByteVector& body) {
        ByteVector frame{static_cast<std::uint8_t>(body.size() >> 8), static_cast<std::uint8_t>(body.size())};
        frame.insert(frame.end(), body.begin(), body.end());
        static_cast<void>(::send(link, frame.data(), frame.size(), MSG_NOSIGNAL));
    }

private:
    void serve(int link) {
        const Answer answer = begin_();
        while (const auto body = receive(link)) {
            const auto reply = answer(*body);
            if (!reply) break;
            if (!reply->empty()) send(link, *reply);
        }
        ::close(link);
    }

    std::function<Answer()> begin_;
    std::string folder_;
    int listener_ = -1;
    std::thread accepting_;
    std::list<std::thread> serving_;
};

}  // namespace sealkey::test
