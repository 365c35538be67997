#include "control.h"

#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace sealkey::sim {

namespace {

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

constexpr std::size_t kMaxLine = 4096;

struct ControlError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::uint64_t number(const std::string& word, const char* what) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || end != word.data() + word.size()) {
        throw ControlError(fmt::format("{} must be a number, not {}", what, word));
    }
    return value;
}

Json status(const ControlServer::Controlled& controlled) {
    VirtualToken& token = *controlled.token;
    Json out{{"state", token.path()},
             {"plugged", token.plugged()},
             {"in_reader", controlled.reader != nullptr && controlled.reader->in_reader()},
             {"apdus", token.log().count()},
             {"apdu_bytes", token.log().bytes()},
             {"flash_operations", token.flash().operations()},
             {"cut_armed", token.flash().cut_armed()}};
    if (controlled.usbip != nullptr) {
        out["usbip_port"] = controlled.usbip->port();
        out["attached"] = controlled.usbip->attached(token);
    }
    return out;
}

Json remove(const ControlServer::Controlled& controlled) {
    controlled.token->unplug();
    return status(controlled);
}

Json arm_cut(ControlServer::Controlled& controlled, const Words& words) {
    if (words.size() < 2 || words.size() > 3) throw ControlError("cut takes a number and, if wanted, a kind");
    const std::uint64_t at = number(words[1], "the number of the flash operation");
    const auto tear = tear_by_name(words.size() == 3 ? words[2] : "subset");
    if (at == 0 || at > 0xFFFFFFFF) throw ControlError("the first flash operation from now is number 1");
    if (!tear) throw ControlError("the kind must be nothing, prefix, subset or whole");
    controlled.token->flash().arm_cut(static_cast<std::uint32_t>(at), *tear);
    return status(controlled);
}

Json last_cut(const ControlServer::Controlled& controlled) {
    const auto cut = controlled.token->flash().last_cut();
    if (!cut) return {{"cut", false}};
    return {{"cut", true},
            {"command", controlled.token->last_cut_command()},
            {"operation", cut->operation},
            {"number", cut->number},
            {"offset", cut->offset},
            {"length", cut->length},
            {"to_change", cut->to_change},
            {"torn", cut->torn},
            {"kind", name_of(cut->tear)}};
}

Json chip(const ControlServer::Controlled& controlled) {
    const ChipProfile* chip = controlled.token->chip();
    if (chip == nullptr) throw ControlError("the simulator was started without --chip");
    const ChipTime::Totals totals = controlled.token->chip_totals();
    Json seconds = Json::object();
    Json counts = Json::object();
    for (std::size_t i = 0; i < kChipParts; ++i) {
        const char* name = name_of(static_cast<ChipPart>(i));
        seconds[name] = totals.microseconds[i] / 1e6;
        counts[name] = totals.counts[i];
    }
    Json figures = Json::array();
    for (const ChipFigure& figure : chip->figures) {
        figures.push_back({{"name", figure.name}, {"microseconds", figure.microseconds}, {"source", figure.source}});
    }
    rusage own{};
    getrusage(RUSAGE_SELF, &own);
    const auto in_seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return {{"profile", chip->name},
            {"scale", controlled.token->chip_scale()},
            {"commands", totals.commands},
            {"seconds", seconds},
            {"counts", counts},
            {"late", totals.late / 1e6},
            {"cpu", in_seconds(own.ru_utime) + in_seconds(own.ru_stime)},
            {"figures", figures}};
}

Json log(const ControlServer::Controlled& controlled, const Words& words) {
    const std::uint64_t from = words.size() > 1 ? number(words[1], "the first entry") : 0;
    Json entries = Json::array();
    for (const ApduEntry& entry : controlled.token->log().since(from)) {
        entries.push_back({{"number", entry.number},
                           {"name", entry.name},
                           {"command", entry.command},
                           {"response", entry.response},
                           {"microseconds", entry.microseconds},
                           {"flash_operations", entry.flash_operations}});
    }
    return {{"apdus", controlled.token->log().count()}, {"log", std::move(entries)}};
}

}  // namespace

void ControlServer::collect(PollSet& set) {
    set.add(listener_.fd(), POLLIN, [this] {
        Socket socket = accept_from(listener_);
        if (socket.open()) clients_.push_back({std::move(socket), {}, {}});
    });
    for (auto client = clients_.begin(); client != clients_.end(); ++client) {
        if (client->inserting != nullptr) work(*client);
        const short events = client->output.empty() ? POLLIN : POLLIN | POLLOUT;
        set.add(client->socket.fd(), events, [this, client] { serve(client); });
    }
}

void ControlServer::serve(std::list<Client>::iterator client) {
    bool good = receive(client->socket, client->input) != Received::closed;
    if (good) work(*client);
    good = good && client->input.size() <= kMaxLine && send_some(client->socket, client->output);
    if (!good) clients_.erase(client);
}

void ControlServer::work(Client& client) {
    const auto reply = [&client](const Json& json) {
        const std::string text = json.dump() + "\n";
        client.output.insert(client.output.end(), text.begin(), text.end());
    };
    auto& input = client.input;
    for (;;) {
        if (client.inserting != nullptr) {
            if (client.inserting->token->plug_waits()) return;
            reply(status(*client.inserting));
            client.inserting = nullptr;
        }
        const auto end = std::find(input.begin(), input.end(), '\n');
        if (end == input.end()) return;
        const std::string line(input.begin(), end);
        input.erase(input.begin(), end + 1);
        if (const auto json = answer(client, line)) reply(*json);
    }
}

std::optional<nlohmann::ordered_json> ControlServer::answer(Client& client, const std::string& line) {
    std::istringstream stream(line);
    Words words;
    for (std::string word; stream >> word;) words.push_back(word);
    try {
        std::size_t index = 0;
        if (!words.empty() && std::isdigit(static_cast<unsigned char>(words[0][0])) != 0) {
            index = number(words[0], "the token");
            words.erase(words.begin());
        }
        if (index >= tokens_.size()) throw ControlError(fmt::format("there are {} tokens, from 0", tokens_.size()));
        if (words.empty()) throw ControlError("a command is missing");
        return run(client, tokens_[index], words);
    } catch (const std::exception& error) {
        return Json{{"error", error.what()}};
    }
}

std::optional<nlohmann::ordered_json> ControlServer::run(Client& client, Controlled& controlled, const Words& words) {
    const std::string& name = words[0];
    if (name == "status") return status(controlled);
    if (name == "insert") {
        controlled.token->plug();
        client.inserting = &controlled;
        return std::nullopt;
    }
    if (name == "remove") return remove(controlled);
    if (name == "cut") return arm_cut(controlled, words);
    if (name == "last-cut") return last_cut(controlled);
    if (name == "log") return log(controlled, words);
    if (name == "chip") return chip(controlled);
    if (name == "disarm") {
        controlled.token->flash().disarm_cut();
        return status(controlled);
    }
    if (name == "quit") {
        quit_();
        return Json{{"quit", true}};
    }
    throw ControlError("no such command: " + name + " (status insert remove cut disarm last-cut log chip quit)");
}

}  // namespace sealkey::sim
