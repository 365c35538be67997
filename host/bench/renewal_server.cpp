#include "bench/renewal_server.h"

#include <httplib.h>

#include "bench/http_listen.h"

namespace sealkey::bench {

namespace {

using nlohmann::json;

constexpr int kRequestsAConnection = 64;
constexpr char kJson[] = "application/json";

int status_of(const ca::CaError& error) {
    switch (error.fault()) {
        case ca::Fault::bad_request:
        case ca::Fault::bad_argument:
        case ca::Fault::bad_code:
            return 400;
        case ca::Fault::forged:
        case ca::Fault::expired:
            return 403;
        case ca::Fault::unknown:
            return 404;
        case ca::Fault::policy:
            return 409;
        case ca::Fault::busy:
            return 503;
        default:
            return 500;
    }
}

}  // namespace

struct RenewalServer::Impl {
    Impl(RenewalDesk& the_desk, std::function<void(const std::string&)> the_log)
        : desk(the_desk), log(std::move(the_log)) {
        limit_server(server, kMaxRenewalMessage);
        server.set_keep_alive_max_count(kRequestsAConnection);
        server.Post(R"(/renewal/v1/([a-z]{1,16}))",
                    [this](const httplib::Request& in, httplib::Response& out) { answer(in, out); });
        server.set_error_handler([](const httplib::Request&, httplib::Response& out) {
            if (!out.body.empty()) return;
            out.set_content(json{{"fault", "bad_request"}, {"message", "HTTP " + std::to_string(out.status)}}.dump(),
                            kJson);
        });
    }

    void answer(const httplib::Request& in, httplib::Response& out) {
        const std::string step = in.matches[1];
        std::string told = "ok";
        json body;
        try {
            const json message = json::parse(in.body, nullptr, false);
            if (!message.is_object()) {
                throw ca::CaError(ca::Fault::bad_request, ca::mark("The message isn't a JSON object."));
            }
            body = desk.answer(step, message);
            out.status = 200;
        } catch (const ca::CaError& error) {
            out.status = status_of(error);
            body = refusal_of(error);
            told = error.what();
        } catch (const std::exception& error) {
            out.status = 500;
            body = {{"fault", "failed"}, {"message", "The CA couldn't answer."}};
            told = error.what();
        }
        out.set_content(body.dump(-1, ' ', false, json::error_handler_t::replace), kJson);
        if (log) log(in.remote_addr + " " + step + " " + std::to_string(out.status) + " " + told);
    }

    RenewalDesk& desk;
    std::function<void(const std::string&)> log;
    httplib::Server server;
};

RenewalServer::RenewalServer(RenewalDesk& desk, std::function<void(const std::string&)> log)
    : impl_(std::make_unique<Impl>(desk, std::move(log))) {}
RenewalServer::~RenewalServer() = default;

int RenewalServer::bind(const std::string& address, int port) { return bind_server(impl_->server, address, port); }
void RenewalServer::serve() { impl_->server.listen_after_bind(); }
void RenewalServer::stop() { impl_->server.stop(); }

}  // namespace sealkey::bench
