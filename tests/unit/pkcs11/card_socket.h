#pragma once

#include "socket_server.h"

namespace sealkey::test {

// Stands where programs look for a simulator. What it gets is `answer`'s to answer: an APDU, or the one byte that asks
// for the ATR. An empty answer isn't sent; none ends the connection.
class CardSocket {
public:
    using Answer = std::function<std::optional<ByteVector>(const ByteVector& body)>;

    // `begin` makes what answers one connection.
    explicit CardSocket(std::function<Answer()> begin)
        : server_([begin = std::move(begin)](int link) { serve(link, begin()); }) {}
    [[nodiscard]] std::string path() const { return server_.path(); }

private:
    static void serve(int link, const Answer& answer) {
        while (const auto body = receive_framed(link)) {
            const auto reply = answer(*body);
            if (!reply) return;
            if (!reply->empty()) static_cast<void>(send_framed(link, *reply));
        }
    }

    SocketServer server_;
};

}  // namespace sealkey::test
