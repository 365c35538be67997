#include "bench/ocsp_server.h"

#include <httplib.h>

#include <mutex>

#include "bench/http_listen.h"
#include "ca/error.h"

namespace sealkey::bench {

namespace {

// Base64 of the path, "" if it isn't any.
ca::ByteVector request_in_path(const std::string& text) {
    ca::ByteVector out(text.size());
    if (text.empty() || text.size() % 4 != 0 || text.size() > 2 * ca::kMaxOcspRequest) return {};
    const int size =
        EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    if (size <= 0) return {};
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    out.resize(static_cast<std::size_t>(size) - padding);
    return out;
}

}  // namespace

struct OcspServer::Impl {
    Impl(Inventory& the_inventory, const ca::Authority& the_authority, ca::OcspSigner the_signer,
         std::function<void(const std::string&)> the_log)
        : inventory(the_inventory), authority(the_authority), signer(std::move(the_signer)), log(std::move(the_log)) {
        limit_server(server, ca::kMaxOcspRequest);
        server.Post(".*", [this](const httplib::Request& in, httplib::Response& out) {
            answer(ca::ByteVector(in.body.begin(), in.body.end()), in, out);
        });
        server.Get("/(.*)", [this](const httplib::Request& in, httplib::Response& out) {
            answer(request_in_path(in.matches[1]), in, out);
        });
    }

    ca::OcspStatus look_up(const std::string& serial) {
        ++asked;
        const auto row = inventory.find_certificate(serial);
        if (!row || row->slot == kDeviceSlot) return {};
        if (row->revoked_at.empty()) return {true, std::nullopt};
        return {true, ca::Revoked{row->serial, ca::parse_iso_time(row->revoked_at), row->reason}};
    }

    void answer(const ca::ByteVector& request, const httplib::Request& in, httplib::Response& out) {
        try {
            const std::lock_guard lock(mutex);  // one database connection
            asked = 0;
            const auto der = ca::ocsp_answer(
                authority.issuing(), signer, [this](const std::string& serial) { return look_up(serial); }, request,
                ca::now());
            out.set_content(std::string(der.begin(), der.end()), "application/ocsp-response");
            if (log) log(in.remote_addr + " " + std::to_string(asked));
        } catch (const std::exception& error) {
            out.status = 500;
            if (log) log(in.remote_addr + " " + error.what());
        }
    }

    Inventory& inventory;
    const ca::Authority& authority;
    ca::OcspSigner signer;
    std::function<void(const std::string&)> log;
    std::mutex mutex;
    int asked = 0;
    httplib::Server server;
};

OcspServer::OcspServer(Inventory& inventory, const ca::Authority& authority, ca::OcspSigner signer,
                       std::function<void(const std::string&)> log)
    : impl_(std::make_unique<Impl>(inventory, authority, std::move(signer), std::move(log))) {}
OcspServer::~OcspServer() = default;

int OcspServer::bind(const std::string& address, int port) { return bind_server(impl_->server, address, port); }
void OcspServer::serve() { impl_->server.listen_after_bind(); }
void OcspServer::stop() { impl_->server.stop(); }

}  // namespace sealkey::bench
