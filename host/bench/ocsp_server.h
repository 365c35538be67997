// OCSP by HTTP: POST of a request, to any path, or GET with the request in the path (RFC 6960 appendix A).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bench/inventory.h"
#include "ca/authority.h"
#include "ca/ocsp.h"

namespace sealkey::bench {

class OcspServer {
public:
    // `log` gets one line for each answer.
    OcspServer(Inventory& inventory, const ca::Authority& authority, ca::OcspSigner signer,
               std::function<void(const std::string&)> log);
    ~OcspServer();
    OcspServer(const OcspServer&) = delete;
    OcspServer& operator=(const OcspServer&) = delete;

    // Port 0: any that is free. Returns the port. Throws CaError file.
    int bind(const std::string& address, int port);
    void serve();  // until stop()
    void stop();   // from any thread

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sealkey::bench
