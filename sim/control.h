// The control socket: a test's hand on the plug and on the power. One command a line, one JSON object a line back.
#pragma once

#include <list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "event_loop.h"
#include "front.h"
#include "socket.h"
#include "usbip_front.h"
#include "virtual_token.h"

namespace sealkey::sim {

// The commands, each optionally after a token's number ("1 remove"; 0 is the first and the default):
//   status             plugged, in_reader, apdus, flash_operations, cut_armed; with --usbip: usbip_port, attached
//   insert, remove     the plug; insert is answered once the token is in, and waits where a command runs
//   cut N [KIND]       power goes at the N-th flash operation from now; KIND: nothing prefix subset whole
//   disarm             no cut after all
//   last-cut           the report of the last cut: command, operation, bytes
//   log [FROM]         the commands from number FROM on, secrets masked
//   chip               what the chip's time was spent on, with --chip; and the simulator's own processor time
//   quit               ends the simulator
class ControlServer final : public EventSource {
public:
    struct Controlled {
        VirtualToken* token;
        const ReaderFront* reader;  // or nullptr
        const UsbipFront* usbip;    // or nullptr
    };

    ControlServer(const std::string& path, std::vector<Controlled> tokens, std::function<void()> quit)
        : listener_(listen_unix(path)), tokens_(std::move(tokens)), quit_(std::move(quit)) {}

    void collect(PollSet& set) override;

private:
    struct Client {
        Socket socket;
        std::vector<std::uint8_t> input;
        std::vector<std::uint8_t> output;
        const Controlled* inserting = nullptr;  // it waits for this one; what else it asked follows then
    };

    void serve(std::list<Client>::iterator client);
    void work(Client& client);
    // Nothing: it comes when what is inserted is in.
    [[nodiscard]] std::optional<nlohmann::ordered_json> answer(Client& client, const std::string& line);
    [[nodiscard]] std::optional<nlohmann::ordered_json> run(Client& client, Controlled& controlled,
                                                            const std::vector<std::string>& words);

    Socket listener_;
    std::vector<Controlled> tokens_;
    std::function<void()> quit_;
    std::list<Client> clients_;
};

}  // namespace sealkey::sim
