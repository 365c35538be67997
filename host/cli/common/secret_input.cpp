#include "cli/common/secret_input.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/common/failure.h"
#include "cli/common/i18n.h"

namespace sealkey::cli {

namespace {

class Descriptor {
public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    ~Descriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return descriptor_; }

private:
    int descriptor_;
};

volatile sig_atomic_t caught_signal = 0;
void catch_signal(int number) { caught_signal = number; }

// Signals that would end the program with the echo off are held until the terminal is put right. They are let in only
// while wait_for_input() waits: one that came between the prompt and the reading would be forgotten otherwise, and
// Ctrl-C would do nothing.
class TerminalGuard {
public:
    TerminalGuard(int terminal, bool hidden) : terminal_(terminal) {
        caught_signal = 0;
        struct sigaction action {};
        action.sa_handler = catch_signal;
        sigset_t held;
        sigemptyset(&held);
        for (const int number : kSignals) sigaddset(&held, number);
        sigprocmask(SIG_BLOCK, &held, &mask_);
        for (std::size_t i = 0; i < kCount; ++i) sigaction(kSignals[i], &action, &before_[i]);
        if (tcgetattr(terminal_, &saved_) != 0) return;
        active_ = true;
        termios quiet = saved_;
        if (hidden) quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ECHOE | ECHOK);
        quiet.c_lflag |= ECHONL | ICANON;
        tcsetattr(terminal_, TCSAFLUSH, &quiet);
    }
    ~TerminalGuard() {
        if (active_) tcsetattr(terminal_, TCSANOW, &saved_);
        for (std::size_t i = 0; i < kCount; ++i) sigaction(kSignals[i], &before_[i], nullptr);
        sigprocmask(SIG_SETMASK, &mask_, nullptr);
    }
    // False: a signal came instead.
    [[nodiscard]] bool wait_for_input() const {
        do {
            pollfd wanted{terminal_, POLLIN, 0};
            if (::ppoll(&wanted, 1, nullptr, &mask_) >= 0) return true;
        } while (caught_signal == 0);
        return false;
    }
    TerminalGuard(const TerminalGuard&) = delete;
    TerminalGuard& operator=(const TerminalGuard&) = delete;

private:
    static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    static constexpr std::size_t kCount = sizeof(kSignals) / sizeof(kSignals[0]);
    int terminal_;
    bool active_ = false;
    termios saved_{};
    sigset_t mask_{};
    struct sigaction before_[kCount] {};
};

[[noreturn]] void cancelled() { throw Failed(Exit::cancelled, tr("Stopped. Nothing was changed.")); }

// Up to the end of the line or of the input. `guard` if the descriptor is a terminal.
SecretText read_line(int descriptor, const TerminalGuard* guard = nullptr) {
    SecretText text;
    std::size_t size = 0;
    for (;;) {
        if (guard && !guard->wait_for_input()) cancelled();
        std::uint8_t byte = 0;
        const ssize_t n = ::read(descriptor, &byte, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) cancelled();
        if (n == 0 && size == 0) cancelled();
        if (n == 0 || byte == '\n') break;
        if (size == SecretText::capacity()) throw Failed(Exit::bad_input, tr("The secret is too long."));
        text.buffer()[size++] = byte;
    }
    while (size > 0 && text.buffer()[size - 1] == '\r') --size;
    text.resize(size);
    return text;
}

SecretText ask(const std::string& prompt, bool hidden) {
    const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    if (terminal.get() < 0) {
        throw Failed(Exit::cancelled,
                     tr("There is no terminal to ask on. Give the secret in a file or in the environment "
                        "(see --help). Nothing was changed."));
    }
    const TerminalGuard guard(terminal.get(), hidden);
    const std::string text = prompt + " ";
    if (::write(terminal.get(), text.data(), text.size()) < 0) cancelled();
    return read_line(terminal.get(), &guard);
}

}  // namespace

bool has_terminal() {
    const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
    return terminal.get() >= 0;
}

SecretText prompt_hidden(const std::string& prompt) { return ask(prompt, true); }
SecretText prompt_visible(const std::string& prompt) { return ask(prompt, false); }

void SecretInput::add_to(CLI::App& command, const std::string& what) {
    command
        .add_option("--" + name_ + "-file", file_,
                    fill(tr("%1, from this file (- is standard input) or from %2"), {what, env_}))
        ->type_name(tr("FILE"));
}

bool SecretInput::given() const { return !file_.empty() || std::getenv(env_.c_str()) != nullptr; }

SecretText SecretInput::read(const std::string& prompt, bool confirm) const {
    if (file_ == "-") return read_line(STDIN_FILENO);
    if (!file_.empty()) {
        const Descriptor file(::open(file_.c_str(), O_RDONLY | O_CLOEXEC));
        if (file.get() < 0) {
            throw Failed(Exit::file_error, fill(tr("%1 can't be read: %2"), {file_, std::strerror(errno)}));
        }
        return read_line(file.get());
    }
    if (char* value = std::getenv(env_.c_str())) {
        const std::size_t length = std::strlen(value);
        if (length > SecretText::capacity()) throw Failed(Exit::bad_input, tr("The secret is too long."));
        SecretText text({reinterpret_cast<const std::uint8_t*>(value), length});
        wipe({reinterpret_cast<std::uint8_t*>(value), length});
        unsetenv(env_.c_str());
        return text;
    }
    for (int attempt = 0; attempt < 3; ++attempt) {
        SecretText text = prompt_hidden(prompt);
        if (!confirm) return text;
        const SecretText again = prompt_hidden(tr("Once more:"));
        if (constant_time_equal(text.bytes(), again.bytes())) return text;
    }
    throw Failed(Exit::bad_input, tr("The two entries differ. Nothing was changed."));
}

}  // namespace sealkey::cli
