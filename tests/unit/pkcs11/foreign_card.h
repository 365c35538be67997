#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <list>
#include <string>
#include <thread>

#include "simulated_key.h"

namespace sealkey::test {

// A card of another kind behind a simulator's socket: it answers every command with the same status word.
class ForeignCard {
public:
    explicit ForeignCard(std::uint16_t word) : word_(word) {
        char name[] = "/tmp/sealkey-foreign-XXXXXX";
        folder_ = ::mkdtemp(name);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof(address.sun_path) - 1);
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
    ~ForeignCard() {
        ::shutdown(listener_, SHUT_RDWR);
        accepting_.join();
        for (auto& thread : serving_) thread.join();
        ::close(listener_);
        ::unlink(path().c_str());
        ::rmdir(folder_.c_str());
    }
    ForeignCard(const ForeignCard&) = delete;
    ForeignCard& operator=(const ForeignCard&) = delete;
    [[nodiscard]] std::string path() const { return folder_ + "/card"; }
    [[nodiscard]] int commands() const { return commands_; }

private:
    void serve(int link) {
        std::uint8_t head[2];
        while (::recv(link, head, 2, MSG_WAITALL) == 2) {
            ByteVector body(static_cast<std::size_t>(head[0] << 8 | head[1]));
            if (::recv(link, body.data(), body.size(), MSG_WAITALL) != static_cast<ssize_t>(body.size())) break;
            if (body.size() == 1 && body[0] != 4) continue;
            if (body.size() > 1) ++commands_;
            const std::uint8_t atr[] = {0, 2, 0x3B, 0x00};
            const std::uint8_t word[] = {0, 2, static_cast<std::uint8_t>(word_ >> 8), static_cast<std::uint8_t>(word_)};
            static_cast<void>(::send(link, body.size() == 1 ? atr : word, 4, MSG_NOSIGNAL));
        }
        ::close(link);
    }

    std::uint16_t word_;
    std::string folder_;
    int listener_ = -1;
    std::atomic<int> commands_{0};
    std::thread accepting_;
    std::list<std::thread> serving_;
};

}  // namespace sealkey::test
