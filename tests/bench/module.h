// A PKCS#11 module as a benchmark uses it: loaded, logged in, one signing key. Any failure is a std::runtime_error.
#pragma once

#include <p11-kit/pkcs11.h>

#include <string>
#include <vector>

namespace sealkey::bench {

enum class KeyKind { p256, rsa2048 };
// "p256" or "rsa2048".
[[nodiscard]] KeyKind kind_of(const std::string& name);

class Module {
public:
    explicit Module(const std::string& path);
    ~Module();
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    // First slot with a token, session, login, the private key of that kind.
    void log_in(const std::string& pin, KeyKind kind);
    // SignInit and Sign: ECDSA over 32 bytes, or raw-hash PKCS #1 v1.5 over a DigestInfo.
    [[nodiscard]] std::vector<unsigned char> sign();

private:
    CK_FUNCTION_LIST* calls_ = nullptr;
    void* library_ = nullptr;
    CK_SESSION_HANDLE session_ = 0;
    CK_OBJECT_HANDLE key_ = 0;
    KeyKind kind_ = KeyKind::p256;
};

}  // namespace sealkey::bench
