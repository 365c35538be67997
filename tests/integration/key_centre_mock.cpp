// A key centre for tests: reads the CA's question from standard input and answers as docs/renewal.md has it. It forgets
// the keys that it makes, so that it is no centre for anybody.
//
// KEY_CENTRE_LOG    a file that every question is added to
// KEY_CENTRE_FAULT  what is wrong with this one: "exit", "silent", "serial", "order", "public_key", "envelope"
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "ca/openssl.h"
#include "support/key_centre.h"

namespace {

using namespace sealkey;
using testing::PKey;

struct Kind {
    const char* name;
    const char* kind;
    protocol::Algorithm algorithm;
};
constexpr Kind kKinds[] = {{"p256", "P-256", protocol::Algorithm::p256},
                           {"p384", "P-384", protocol::Algorithm::p384},
                           {"rsa2048", "RSA-2048", protocol::Algorithm::rsa2048}};

std::string from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

nlohmann::json answer_to(const nlohmann::json& question) {
    const ca::ByteVector spki = ca::unhex(question.at("recipient"));
    const unsigned char* at = spki.data();
    const PKey recipient(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())), EVP_PKEY_free);
    for (const Kind& kind : kKinds) {
        if (question.at("algorithm") != kind.name) continue;
        const PKey key = testing::new_key(kind.kind);
        const testing::EnvelopeFor what{question.at("serial"), ca::unhex(question.at("order")), kind.algorithm};
        return {{"order", question.at("order")},
                {"serial", question.at("serial")},
                {"algorithm", kind.name},
                {"public_key", ca::hex(testing::public_key_info(key))},
                {"envelope", ca::hex(testing::make_envelope(key, recipient, what))}};
    }
    throw std::runtime_error("no such algorithm");
}

}  // namespace

int main() {
    const std::string fault = from_environment("KEY_CENTRE_FAULT");
    std::string text;
    std::getline(std::cin, text);
    std::cerr << "the key centre was asked\n";
    std::ofstream(from_environment("KEY_CENTRE_LOG"), std::ios::app) << text << "\n";
    if (fault == "exit") return 3;
    if (fault == "silent") return 0;
    try {
        nlohmann::json answer = answer_to(nlohmann::json::parse(text));
        if (fault == "serial") answer[fault] = "SK2600000099";
        if (fault == "order") answer[fault] = std::string(32, '7');
        if (fault == "public_key") answer[fault] = ca::hex(testing::public_key_info(testing::new_key("P-256")));
        if (fault == "envelope") answer[fault] = answer[fault].get<std::string>().substr(2) + "00";
        std::cout << answer.dump() << "\n";
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
    return 0;
}
