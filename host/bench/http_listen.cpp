#include "bench/http_listen.h"

#include <httplib.h>

#include "bench/http_limits.h"
#include "ca/error.h"

namespace sealkey::bench {

void limit_server(httplib::Server& server, std::size_t longest) {
    server.new_task_queue = [] { return new httplib::ThreadPool(kServerThreads); };
    server.set_payload_max_length(longest);
    server.set_read_timeout(kServerSeconds);
    server.set_write_timeout(kServerSeconds);
}

int bind_server(httplib::Server& server, const std::string& address, int port) {
    const int bound = port == 0 ? server.bind_to_any_port(address) : server.bind_to_port(address, port) ? port : -1;
    if (bound < 0) {
        throw ca::CaError(ca::Fault::file, ca::mark("Nobody can be listened to at %1, port %2."),
                          {address, std::to_string(port)});
    }
    return bound;
}

}  // namespace sealkey::bench
