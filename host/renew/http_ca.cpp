#include "renew/http_ca.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <strings.h>

#include <memory>

namespace sealkey::renew {

namespace {

using nlohmann::json;

constexpr int kConnectSeconds = 10;
constexpr int kAnswerSeconds = 60;
constexpr std::size_t kMaxAnswer = 1024 * 1024;

struct Address {
    std::string server;  // scheme://host:port
    std::string path;
};
// Nothing, or a colon and 1..65535 and no more: a library that reads numbers would forgive what follows one.
bool port_fits(const std::string& server) {
    const std::size_t colon = server.find(':', server.find(']') == std::string::npos ? 0 : server.find(']'));
    if (colon == std::string::npos) return true;
    const std::string port = server.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos) return false;
    const int number = std::stoi(port);
    return number > 0 && number <= 65535;
}

// By its name or number as it is written: what a name is looked up to is somebody else's word.
bool is_this_machine(const std::string& server) {
    const std::string host = server.substr(0, server[0] == '[' ? server.find(']') + 1 : server.find(':'));
    if (::strcasecmp(host.c_str(), "localhost") == 0) return true;
    if (host.size() > 2 && host.front() == '[') {
        in6_addr six{};
        return ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    }
    in_addr four{};  // 127.0.0.1, and not 127.example.cn
    return ::inet_pton(AF_INET, host.c_str(), &four) == 1 && (ntohl(four.s_addr) >> 24) == 127;
}

Address parse(const std::string& url) {
    const std::size_t host = url.find("://");
    const bool web = url.rfind("http://", 0) == 0 || url.rfind("https://", 0) == 0;
    if (!web || url.size() <= host + 3 || url.find_first_of(" \t\r\n?#@") != std::string::npos) {
        throw std::invalid_argument("an address is http://HOST[:PORT][/PATH] or https://...");
    }
    const std::size_t slash = url.find('/', host + 3);
    Address address{url.substr(0, slash), slash == std::string::npos ? "" : url.substr(slash)};
    if (!port_fits(address.server.substr(host + 3))) {
        throw std::invalid_argument("a port is a number from 1 to 65535");
    }
    while (!address.path.empty() && address.path.back() == '/') address.path.pop_back();
    return address;
}

}  // namespace

Ask http_ca(const std::string& url, const std::string& authorities, Plain plain) {
    const Address address = parse(url);
    constexpr std::string_view kHttp = "http://";
    if (plain == Plain::to_this_machine && url.rfind(kHttp, 0) == 0 &&
        !is_this_machine(address.server.substr(kHttp.size()))) {
        throw PlainHttp("plain HTTP to another machine");
    }
    auto client = std::make_shared<httplib::Client>(address.server);
    if (!client->is_valid()) throw std::invalid_argument("an address is http://HOST[:PORT][/PATH] or https://...");
    client->set_connection_timeout(kConnectSeconds);
    client->set_read_timeout(kAnswerSeconds);
    client->set_write_timeout(kAnswerSeconds);
    client->set_follow_location(false);
    if (!authorities.empty()) client->set_ca_cert_path(authorities.c_str());
    return [client, path = address.path](const std::string& step, const json& message) {
        httplib::Request request;
        request.method = "POST";
        request.path = path + "/renewal/v1/" + step;
        request.set_header("Content-Type", "application/json");
        request.body = message.dump();
        std::string body;
        request.content_receiver = [&body](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
            if (body.size() + size > kMaxAnswer) return false;
            body.append(data, size);
            return true;
        };
        const auto result = client->send(request);
        if (!result) throw Unreachable(httplib::to_string(result.error()));
        const json answer = json::parse(body, nullptr, false);
        if (result->status == 200 && answer.is_object()) return answer;
        const bool told = answer.is_object() && answer.contains("fault") && answer["fault"].is_string() &&
                          answer.contains("message") && answer["message"].is_string();
        const bool named = answer.is_object() && answer.contains("defect") && answer["defect"].is_string();
        if (told) {
            throw Refusal(answer["fault"].get<std::string>(), answer["message"].get<std::string>(),
                          named ? answer["defect"].get<std::string>() : "");
        }
        if (result->status >= 500) throw Unreachable("HTTP " + std::to_string(result->status));
        throw Refusal("malformed", "HTTP " + std::to_string(result->status));
    };
}

}  // namespace sealkey::renew
