// Simulators behind unix sockets, with vpcd's framing.
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "base/bytes.h"
#include "transport/transport.h"

namespace sealkey::transport {

namespace {

using Clock = std::chrono::steady_clock;
// Key generation of RSA-4096 is the longest command there is.
constexpr std::chrono::seconds kAnswerWait{180};
constexpr std::chrono::milliseconds kPollInterval{50};
constexpr std::uint8_t kPowerOn = 0x01;
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

private:
    int descriptor_ = -1;
};

class SimulatorConnection final : public Connection {
public:
    explicit SimulatorConnection(const std::string& path) : socket_(path), pid_(::getpid()) {
        if (!socket_.connected()) {
            throw TransportError(Failure::no_card, "no simulator at " + path + ": " + std::strerror(errno));
        }
        send_frame({&kPowerOn, 1});
        send_frame({&kGetAtr, 1});
        atr_ = receive_frame();
    }

    ByteVector transmit(ByteView command) override {
        // One byte would be taken as a control code.
        if (command.size() < 4) throw TransportError(Failure::communication, "a command APDU has four bytes at least");
        if (::getpid() != pid_) throw TransportError(Failure::communication, "a connection isn't inherited by fork");
        send_frame(command);
        return receive_frame();
    }
    // Each connection is a card session of its own with the simulator: there is nobody to exclude.
    void begin_transaction() override {}
    void end_transaction() noexcept override {}
    ByteVector atr() const override { return atr_; }
    bool extended_length() const override {
        const char* choice = std::getenv("SEALKEY_APDU");
        return choice == nullptr || std::strcmp(choice, "short") != 0;
    }

private:
    void send_frame(ByteView body) {
        if (body.size() > 0xFFFF) throw TransportError(Failure::communication, "the command is too long");
        ByteVector frame(2 + body.size());
        store_be16(frame.data(), static_cast<std::uint16_t>(body.size()));
        std::copy(body.begin(), body.end(), frame.begin() + 2);
        socket_.send_all(frame);
        wipe(frame);
    }
    ByteVector receive_frame() {
        const auto deadline = Clock::now() + kAnswerWait;
        std::uint8_t head[2];
        socket_.receive_all(head, deadline);
        ByteVector body(load_be16(head));
        socket_.receive_all(body, deadline);
        return body;
    }

    Socket socket_;
    pid_t pid_;
    ByteVector atr_;
};

class SimulatorProvider final : public Provider {
public:
    explicit SimulatorProvider(std::vector<std::string> paths) : paths_(std::move(paths)) {}

    std::vector<ReaderState> readers() override {
        std::vector<ReaderState> found;
        for (const auto& path : paths_) found.push_back(state_of(path));
        return found;
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
        if (std::find(paths_.begin(), paths_.end(), reader) == paths_.end()) {
            throw TransportError(Failure::no_reader, "no simulator is named " + reader);
        }
        return std::make_unique<SimulatorConnection>(reader);
    }

private:
    // A socket file is a card plugged in; a new file is a new insertion.
    static ReaderState state_of(const std::string& path) {
        ReaderState state;
        state.name = path;
        struct stat file {};
        if (::stat(path.c_str(), &file) == 0 && S_ISSOCK(file.st_mode)) {
            state.card_present = true;
            state.event_count =
                static_cast<std::uint32_t>(file.st_ino * 1000003U + file.st_ctim.tv_nsec / 1000 + file.st_ctim.tv_sec);
        }
        return state;
    }
    bool changed(const std::vector<ReaderState>& known) {
        const auto now = readers();
        return !std::equal(now.begin(), now.end(), known.begin(), known.end(), [](const auto& a, const auto& b) {
            return a.name == b.name && a.card_present == b.card_present && a.event_count == b.event_count;
        });
    }

    std::vector<std::string> paths_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<Provider> make_simulator_provider(std::vector<std::string> socket_paths) {
    return std::make_unique<SimulatorProvider>(std::move(socket_paths));
}

}  // namespace sealkey::transport
