// Commands that answer until they are told to end.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>

namespace sealkey::cli {

// SIGINT and SIGTERM end it between two answers. They are blocked before the first thread starts.
template <class Server>
void serve_until_signal(Server& server) {
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    std::thread waiter([&] {
        int signal = 0;
        sigwait(&ends, &signal);
        server.stop();
    });
    server.serve();
    pthread_kill(waiter.native_handle(), SIGTERM);
    waiter.join();
}

}  // namespace sealkey::cli
