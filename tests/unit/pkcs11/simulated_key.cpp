#include "simulated_key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "support/hex.h"
#include "support/test_keys.h"
#include "test_clock.h"

extern char** environ;

namespace sealkey::test {

namespace {

using protocol::Algorithm;
using testing::kTestP256Point;
using testing::kTestP256Scalar;

ByteVector hex(std::string_view text) { return testing::from_hex(text); }

void check(bool condition, const char* what) {
    if (!condition) throw std::runtime_error(what);
}

class DesCipher final : public token::BlockCipher {
public:
    protocol::Algorithm algorithm() const override { return Algorithm::tdes; }
    void encrypt(Bytes block, MutableBytes out) override { run(1, block, out); }
    void decrypt(Bytes block, MutableBytes out) override { run(0, block, out); }
    void random(MutableBytes out) override { RAND_bytes(out.data(), static_cast<int>(out.size())); }

private:
    static void run(int encrypting, Bytes block, MutableBytes out) {
        static const std::uint8_t key[24] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};
        EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
        int length = 0;
        EVP_CipherInit_ex(context, EVP_des_ede3_ecb(), nullptr, key, nullptr, encrypting);
        EVP_CIPHER_CTX_set_padding(context, 0);
        EVP_CipherUpdate(context, out.data(), &length, block.data(), static_cast<int>(block.size()));
        EVP_CIPHER_CTX_free(context);
    }
};

Key from_parameters(const char* type, OSSL_PARAM_BLD* builder) {
    OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr);
    EVP_PKEY* key = nullptr;
    EVP_PKEY_fromdata_init(context);
    const int ok = EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    check(ok == 1, "a test key can't be made");
    return {key, EVP_PKEY_free};
}

}  // namespace

Key rsa_key() {
    OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
    const ByteVector modulus = hex(testing::kTestRsaModulus);
    BIGNUM* n = BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr);
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
    OSSL_PARAM_BLD_push_ulong(builder, OSSL_PKEY_PARAM_RSA_E, 65537);
    Key key = from_parameters("RSA", builder);
    BN_free(n);
    return key;
}

Key ec_key() {
    OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
    const ByteVector point = hex(kTestP256Point);
    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
    return from_parameters("EC", builder);
}

ByteVector certificate_for(const Key& key, const std::string& name, std::size_t ballast) {
    EVP_PKEY* ca = EVP_EC_gen("prime256v1");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 0x80 + static_cast<long>(name.size()));
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L);
    X509_set_pubkey(certificate, key.get());
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                               -1, 0);
    X509_NAME* issuer = X509_NAME_new();
    X509_NAME_add_entry_by_txt(issuer, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>("Test CA"), -1, -1,
                               0);
    X509_set_issuer_name(certificate, issuer);
    X509_NAME_free(issuer);
    if (ballast > 0) {
        ASN1_OBJECT* oid = OBJ_txt2obj("2.25.1", 1);
        ASN1_OCTET_STRING* value = ASN1_OCTET_STRING_new();
        const ByteVector filler(ballast, 0x5A);
        ASN1_OCTET_STRING_set(value, filler.data(), static_cast<int>(filler.size()));
        X509_EXTENSION* extension = X509_EXTENSION_create_by_OBJ(nullptr, oid, 0, value);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
        ASN1_OCTET_STRING_free(value);
        ASN1_OBJECT_free(oid);
    }
    check(X509_sign(certificate, ca, EVP_sha256()) > 0, "a test certificate can't be signed");
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    X509_free(certificate);
    EVP_PKEY_free(ca);
    return out;
}

SimulatedKey::SimulatedKey() {
    char name[] = "/tmp/sealkey-pkcs11-XXXXXX";
    check(::mkdtemp(name) != nullptr, "no folder for the test");
    folder_ = name;
    socket_ = folder_ + "/key";
    control_ = folder_ + "/control";
    const std::string state = folder_ + "/state";
    // It ends with the thread that starts it, the test's own: also where that crashes, or has no time any more.
    const char* arguments[] = {"setpriv",     "--pdeathsig",    "KILL",          SEALKEY_SIMULATOR, "--state",
                               state.c_str(), "--profile",      "compatibility", "--socket",        socket_.c_str(),
                               "--control",   control_.c_str(), "--log-level",   "error",           nullptr};
    check(::posix_spawnp(&process_, arguments[0], nullptr, nullptr, const_cast<char**>(arguments), environ) == 0,
          "sealkey-sim can't be started");
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    for (;;) {
        try {
            control("status");
            return;
        } catch (const std::runtime_error&) {
            check(std::chrono::steady_clock::now() < deadline, "sealkey-sim doesn't come up");
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        }
    }
}

SimulatedKey::~SimulatedKey() {
    ::kill(process_, SIGTERM);
    ::waitpid(process_, nullptr, 0);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

nlohmann::json SimulatedKey::control(const std::string& command) {
    const int link = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    control_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    std::string answer;
    if (::connect(link, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
        const std::string line = command + "\n";
        static_cast<void>(::send(link, line.data(), line.size(), MSG_NOSIGNAL));
        char part[65536];
        while (answer.empty() || answer.back() != '\n') {
            const ssize_t n = ::recv(link, part, sizeof(part), 0);
            if (n <= 0) break;
            answer.append(part, static_cast<std::size_t>(n));
        }
    }
    ::close(link);
    check(!answer.empty(), "the control socket doesn't answer");
    auto parsed = nlohmann::json::parse(answer);
    if (parsed.contains("error")) throw std::runtime_error(parsed["error"].get<std::string>());
    return parsed;
}

namespace {

int connected_to(const std::string& path) {
    const int link = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    check(::connect(link, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0, "no simulator there");
    return link;
}

// Asks for the ATR; the connection is served from then on.
void ask_atr(int link, ByteVector first) {
    first.insert(first.end(), {0x00, 0x01, 0x04});
    check(::send(link, first.data(), first.size(), MSG_NOSIGNAL) > 0, "the simulator has gone");
    std::uint8_t answer[64];
    check(::recv(link, answer, sizeof(answer), 0) > 2, "the simulator has gone");
}

}  // namespace

// What the module saw a moment ago it takes for seen now (pkcs11-module/slots.cpp).
constexpr std::chrono::milliseconds kMoment{20};

// Returns when every program can see it: the simulator ends the connections before it answers the second question.
void SimulatedKey::unplug() {
    control("remove");
    control("status");
    move_clock(kMoment);
}

void SimulatedKey::plug() {
    control("insert");
    move_clock(kMoment);
}

void SimulatedKey::reset_card() {
    const int link = connected_to(socket_);
    ask_atr(link, {0x00, 0x01, 0x02});
    ::close(link);
}

std::vector<std::string> SimulatedKey::commands(std::size_t since) {
    std::vector<std::string> names;
    const auto answer = control("log");
    for (const auto& entry : answer["log"]) {
        if (entry["number"].get<std::size_t>() > since) names.push_back(entry["name"]);
    }
    return names;
}

std::size_t SimulatedKey::verifications(std::size_t since) {
    std::size_t count = 0;
    const auto answer = control("log");
    for (const auto& entry : answer["log"]) {
        const bool verify = entry["command"].get<std::string>().rfind("00200080 [", 0) == 0;
        if (entry["number"].get<std::size_t>() > since && verify) ++count;
    }
    return count;
}

std::unique_ptr<token::Token> SimulatedKey::client() {
    return std::make_unique<token::Token>(transport::make_simulator_provider({socket_})->connect(socket_));
}

bool SimulatedKey::signs_without_pin() {
    try {
        static_cast<void>(client()->sign(protocol::ref::signature, Algorithm::rsa2048, ByteVector(256, 1)));
        return true;
    } catch (const token::TokenError& error) {
        if (error.kind() != token::Kind::not_verified) throw;
        return false;
    }
}

void SimulatedKey::authenticate(token::Token& token) {
    DesCipher cipher;
    token.authenticate_management(cipher);
}

void SimulatedKey::personalise() {
    const auto token = client();
    authenticate(*token);
    const ByteVector p = hex(testing::kTestRsaP);
    const ByteVector q = hex(testing::kTestRsaQ);
    const ByteVector dp = hex(testing::kTestRsaDp);
    const ByteVector dq = hex(testing::kTestRsaDq);
    const ByteVector qinv = hex(testing::kTestRsaQinv);
    const ByteVector scalar = hex(kTestP256Scalar);
    struct Named {
        std::uint8_t slot;
        const char* name;
    };
    for (const auto& [slot, name] : {Named{0x9A, "Login of a clerk"}, Named{0x9C, "Company"}, Named{0x9D, "Mail"}}) {
        token->import_rsa(slot, Algorithm::rsa2048, {p, q, dp, dq, qinv});
        token->write_certificate(slot, certificate_for(rsa_key(), name));
    }
    token->import_ec(0x82, Algorithm::p256, scalar);
    token->write_certificate(0x82, certificate_for(ec_key(), "Former mail"));
    token->import_ec(0x9E, Algorithm::p256, scalar);
}

}  // namespace sealkey::test
