// The desk behind HTTP: POST /renewal/v1/STEP with a JSON document, one answer each. Everything that matters is signed
// by a key on the token or by the CA, so the connection itself needs no secret; put TLS in front where it leaves the
// machine.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bench/renewal_desk.h"

namespace sealkey::bench {

inline constexpr std::size_t kMaxRenewalMessage = 64 * 1024;

class RenewalServer {
public:
    // `log` gets one line a request: no secret passes here.
    RenewalServer(RenewalDesk& desk, std::function<void(const std::string&)> log);
    ~RenewalServer();
    RenewalServer(const RenewalServer&) = delete;
    RenewalServer& operator=(const RenewalServer&) = delete;

    // Port 0: any that is free. Returns the port. Throws CaError file.
    int bind(const std::string& address, int port);
    void serve();  // until stop()
    void stop();   // from any thread

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace sealkey::bench
