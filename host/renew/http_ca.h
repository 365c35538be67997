// The way to the CA by HTTP or HTTPS.
#pragma once

#include "renew/renewal.h"

namespace sealkey::renew {

// The CA can't be reached, or the connection broke: asking again is right.
class Unreachable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Plain HTTP to a host that isn't this machine.
class PlainHttp : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Whether http:// may leave this machine. What answers there isn't known, and the PIN is given on the strength of its
// answers.
enum class Plain { to_this_machine, anywhere };

// `url`: http://HOST[:PORT][/PATH] or https://... `authorities`: a PEM file for the server's certificate; empty: the
// system's. Throws std::invalid_argument for another form of address, PlainHttp. The answer throws Refusal or
// Unreachable.
[[nodiscard]] Ask http_ca(const std::string& url, const std::string& authorities = "",
                          Plain plain = Plain::to_this_machine);

}  // namespace sealkey::renew
