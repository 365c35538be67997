#include "bench/program_run.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ca/error.h"

namespace sealkey::bench {

namespace {

constexpr std::size_t kMaxOutput = 64 * 1024;
constexpr int kNotStarted = 127;
using Clock = std::chrono::steady_clock;

[[noreturn]] void become(const std::vector<std::string>& arguments,
                         const std::vector<std::pair<std::string, std::string>>& environment, int input, int output,
                         bool errors_apart) {
    ::dup2(input, 0);
    ::dup2(output, 1);
    if (!errors_apart) ::dup2(output, 2);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> argv;
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    const std::string reason = std::string(argv[0]) + ": " + std::strerror(errno) + "\n";
    if (::write(2, reason.data(), reason.size()) < 0) ::_exit(kNotStarted);
    ::_exit(kNotStarted);
}

// Reads until the other side closes, or the time is over (false).
bool collect(int fd, std::string& out, Clock::time_point end) {
    char buffer[4096];
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        if (left <= 0) return false;
        pollfd wait{fd, POLLIN, 0};
        const int ready = ::poll(&wait, 1, static_cast<int>(left));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return false;
        const ssize_t n = ::read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return true;
        if (out.size() < kMaxOutput) out.append(buffer, static_cast<std::size_t>(n));
    }
}

[[noreturn]] void not_started() {
    throw ca::CaError(ca::Fault::file, ca::mark("Another program can't be started: %1."), {std::strerror(errno)});
}

// The reading end of a pipe that holds all of it already; /dev/null for nothing.
int input_of(const std::string& text) {
    if (text.empty()) return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    int pipe[2];
    if (text.size() > PIPE_BUF || ::pipe2(pipe, O_CLOEXEC) != 0) return -1;
    const bool written = ::write(pipe[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(pipe[1]);
    if (written) return pipe[0];
    ::close(pipe[0]);
    return -1;
}

}  // namespace

ProgramResult run_program(const std::vector<std::string>& arguments,
                          const std::vector<std::pair<std::string, std::string>>& environment,
                          std::chrono::seconds limit, const ProgramInput& input) {
    int pipe[2];
    const int in = input_of(input.text);
    if (in < 0) not_started();
    if (::pipe2(pipe, O_CLOEXEC) != 0) {
        ::close(in);
        not_started();
    }
    const pid_t child = ::fork();
    if (child < 0) {
        ::close(in);
        ::close(pipe[0]);
        ::close(pipe[1]);
        not_started();
    }
    if (child == 0) become(arguments, environment, in, pipe[1], input.errors_apart);
    ::close(in);
    ::close(pipe[1]);
    ProgramResult result;
    result.timed_out = !collect(pipe[0], result.output, Clock::now() + limit);
    ::close(pipe[0]);
    if (result.timed_out) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

}  // namespace sealkey::bench
