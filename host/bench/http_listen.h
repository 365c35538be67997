// Where the bench's two small servers listen, and what they allow a client.
#pragma once

#include <cstddef>
#include <string>

namespace httplib {
class Server;
}

namespace sealkey::bench {

// A few threads, messages of at most `longest` octets, each in and out within kServerSeconds (http_limits.h).
void limit_server(httplib::Server& server, std::size_t longest);

// Port 0: any that is free. Returns the port. Throws CaError file.
int bind_server(httplib::Server& server, const std::string& address, int port);

}  // namespace sealkey::bench
