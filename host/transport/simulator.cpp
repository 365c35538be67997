// Simulators behind unix sockets, with vpcd's framing.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "base/bytes.h"
#include "transport/settings.h"
#include "transport/transport.h"

namespace sealkey::transport {

namespace {

using Clock = std::chrono::steady_clock;
// Key generation of RSA-4096 is the longest command there is.
constexpr std::chrono::seconds kAnswerWait{180};
constexpr std::chrono::seconds kAtrWait{5};
constexpr std::chrono::milliseconds kPollInterval{50};
// The token is powered while it is plugged in: asking for its ATR changes nothing, switching it on would end the login
// of every other program.
constexpr std::uint8_t kGetAtr = 0x04;

class Socket {
public:
    // -1 in descriptor() and errno if nothing listens there.
    explicit Socket(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        if (path.size() >= sizeof(address.sun_path)) {
            errno = ENAMETOOLONG;
            return;
        }
        std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
        descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (descriptor_ < 0) return;
        if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
            const int reason = errno;
            ::close(descriptor_);
            descriptor_ = -1;
            errno = reason;
        }
    }
    ~Socket() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    [[nodiscard]] bool connected() const { return descriptor_ >= 0; }

    void send_all(ByteView data) {
        while (!data.empty()) {
            const ssize_t n = ::send(descriptor_, data.data(), data.size(), MSG_NOSIGNAL);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) throw TransportError(Failure::no_card, "the simulator has gone");
            data = data.subspan(static_cast<std::size_t>(n));
        }
    }

    void receive_all(std::span<std::uint8_t> out, Clock::time_point deadline) {
        while (!out.empty()) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
            pollfd waiting{descriptor_, POLLIN, 0};
            const int ready = left > 0 ? ::poll(&waiting, 1, static_cast<int>(left)) : 0;
            if (ready < 0 && errno == EINTR) continue;
            if (ready <= 0) throw TransportError(Failure::timeout, "the simulator doesn't answer");
            const ssize_t n = ::recv(descriptor_, out.data(), out.size(), 0);
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) throw TransportError(Failure::no_card, "the simulator has gone");
            out = out.subspan(static_cast<std::size_t>(n));
        }
    }

    // Whether the other side is still there; nothing is taken from the stream.
    [[nodiscard]] bool alive() const {
        std::uint8_t byte = 0;
        const ssize_t n = ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
    }

    void send_frame(ByteView body) {
        if (body.size() > 0xFFFF) throw TransportError(Failure::communication, "the command is too long");
        ByteVector frame(2 + body.size());
        store_be16(frame.data(), static_cast<std::uint16_t>(body.size()));
        std::copy(body.begin(), body.end(), frame.begin() + 2);
        try {
            send_all(frame);
        } catch (...) {
            wipe(frame);
            throw;
        }
        wipe(frame);
    }
    ByteVector receive_frame(std::chrono::milliseconds wait) {
        const auto deadline = Clock::now() + wait;
        std::uint8_t head[2];
        receive_all(head, deadline);
        ByteVector body(load_be16(head));
        receive_all(body, deadline);
        return body;
    }
    // Throws TransportError no_card while the token is out.
    ByteVector ask_atr() {
        send_frame({&kGetAtr, 1});
        return receive_frame(kAtrWait);
    }

private:
    int descriptor_ = -1;
};

class SimulatorConnection final : public Connection {
public:
    explicit SimulatorConnection(const std::string& path) : socket_(path), pid_(::getpid()) {
        if (!socket_.connected()) {
            throw TransportError(Failure::no_card, "no simulator at " + path + ": " + std::strerror(errno));
        }
        atr_ = socket_.ask_atr();
    }

    ByteVector transmit(ByteView command) override {
        // One byte would be taken as a control code.
        if (command.size() < 4) throw TransportError(Failure::communication, "a command APDU has four bytes at least");
        if (::getpid() != pid_) throw TransportError(Failure::communication, "a connection isn't inherited by fork");
        socket_.send_frame(command);
        return socket_.receive_frame(kAnswerWait);
    }
    // Programs share a simulator command by command: there is no way to exclude the others here. Two programs at one
    // token need PC/SC.
    void begin_transaction() override {}
    void end_transaction() noexcept override {}
    ByteVector atr() const override { return atr_; }
    bool extended_length() const override { return apdu_length_setting() != ApduLength::short_only; }

private:
    Socket socket_;
    pid_t pid_;
    ByteVector atr_;
};

class SimulatorProvider final : public Provider {
public:
    explicit SimulatorProvider(std::vector<std::string> paths) {
        for (auto& path : paths) slots_.push_back({std::move(path), nullptr, {}, 0});
    }

    std::vector<ReaderState> readers() override {
        const std::lock_guard lock(mutex_);
        return states();
    }

    bool wait_for_change(const std::vector<ReaderState>& known, std::chrono::milliseconds timeout) override {
        const auto deadline = Clock::now() + timeout;
        std::unique_lock lock(mutex_);
        for (;;) {
            if (changed(known)) return true;
            if (cancelled_) break;
            const auto now = Clock::now();
            if (now >= deadline) break;
            wake_.wait_until(lock, std::min(deadline, now + kPollInterval));
        }
        cancelled_ = false;
        return false;
    }
    void cancel() noexcept override {
        const std::lock_guard lock(mutex_);
        cancelled_ = true;
        wake_.notify_all();
    }

    std::unique_ptr<Connection> connect(const std::string& reader) override {
        const bool known = std::any_of(slots_.begin(), slots_.end(), [&](const auto& s) { return s.path == reader; });
        if (!known) throw TransportError(Failure::no_reader, "no simulator is named " + reader);
        return std::make_unique<SimulatorConnection>(reader);
    }

private:
    // An idle connection stands for the card: the simulator ends it when the token is taken out, so that not even a
    // short absence goes unseen.
    struct Slot {
        std::string path;
        std::unique_ptr<Socket> presence;
        ByteVector atr;
        std::uint32_t event_count;
    };

    std::vector<ReaderState> states() {
        std::vector<ReaderState> found;
        for (auto& slot : slots_) {
            look(slot);
            found.push_back({slot.path, slot.presence != nullptr, slot.atr, slot.event_count});
        }
        return found;
    }
    static void look(Slot& slot) {
        if (slot.presence && !slot.presence->alive()) {
            slot.presence.reset();
            slot.atr.clear();
            ++slot.event_count;
        }
        if (slot.presence) return;
        auto socket = std::make_unique<Socket>(slot.path);
        if (!socket->connected()) return;
        try {
            slot.atr = socket->ask_atr();
        } catch (const TransportError&) {
            return;
        }
        slot.presence = std::move(socket);
        ++slot.event_count;
    }
    // Holds the lock.
    bool changed(const std::vector<ReaderState>& known) {
        const auto now = states();
        return !std::equal(now.begin(), now.end(), known.begin(), known.end(), [](const auto& a, const auto& b) {
            return a.name == b.name && a.card_present == b.card_present && a.event_count == b.event_count;
        });
    }

    std::vector<Slot> slots_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<Provider> make_simulator_provider(std::vector<std::string> socket_paths) {
    return std::make_unique<SimulatorProvider>(std::move(socket_paths));
}

}  // namespace sealkey::transport
