#include "ca/key_centre.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <nlohmann/json.hpp>

#include "ca/error.h"
#include "ca/renewal.h"

namespace sealkey::ca {

namespace {

using nlohmann::json;
using protocol::Algorithm;

constexpr std::size_t kWrapOverhead = 8;  // RFC 3394

struct CentreAlgorithm {
    Algorithm algorithm;
    const char* name;
    std::size_t opening;  // bytes of the envelope's first part where a key of this kind is the recipient
    std::size_t parts;    // bytes of a key of this kind in it
};
constexpr CentreAlgorithm kCentreAlgorithms[] = {
    {Algorithm::rsa2048, "rsa2048", 256, 640},  {Algorithm::rsa3072, "rsa3072", 384, 960},
    {Algorithm::rsa4096, "rsa4096", 512, 1280}, {Algorithm::p256, "p256", 65, 32},
    {Algorithm::p384, "p384", 97, 48},
};

const CentreAlgorithm& entry_of(Algorithm algorithm) {
    for (const CentreAlgorithm& one : kCentreAlgorithms) {
        if (one.algorithm == algorithm) return one;
    }
    throw CaError(Fault::bad_argument, mark("A key centre can't be asked for a key of this algorithm."));
}

PKey public_key_of_spki(Bytes spki) {
    const unsigned char* at = spki.data();
    PKey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
    ERR_clear_error();
    if (!key || spki_of(key.get()) != ByteVector(spki.begin(), spki.end())) return PKey();
    return key;
}

// Of this algorithm, and no other curve as long as that one.
bool is_of(EVP_PKEY* key, Algorithm wanted) {
    if (algorithm_of(key) != wanted) return false;
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return true;
    char curve[32] = {};
    std::size_t size = 0;
    const bool named = EVP_PKEY_get_group_name(key, curve, sizeof curve, &size) == 1;
    return named && std::string_view(curve) == (wanted == Algorithm::p256 ? SN_X9_62_prime256v1 : SN_secp384r1);
}

[[noreturn]] void bad_answer(const char* field) {
    throw CaError(Fault::quality, mark("The key centre's answer can't be used: \"%1\" is missing or wrong."), {field});
}

std::string field_of(const json& answer, const char* field) {
    const auto found = answer.is_object() ? answer.find(field) : answer.end();
    if (!answer.is_object() || found == answer.end() || !found->is_string()) bad_answer(field);
    return found->get<std::string>();
}

ByteVector hex_of(const json& answer, const char* field) {
    try {
        return unhex(field_of(answer, field));
    } catch (const CaError&) {
        bad_answer(field);
    }
}

}  // namespace

std::string centre_question(const CentreOrder& order) {
    return json{{"version", 1},
                {"order", hex(order.name)},
                {"serial", order.serial},
                {"algorithm", entry_of(order.algorithm).name},
                {"recipient", hex(order.recipient)}}
               .dump() +
           "\n";
}

CentreKey read_centre_answer(std::string_view text, const CentreOrder& order) {
    if (text.size() > kMaxCentreAnswer) bad_answer("envelope");
    const json answer = json::parse(text, nullptr, false);
    if (!answer.is_object()) throw CaError(Fault::quality, mark("The key centre's answer isn't a JSON object."));
    const CentreAlgorithm& wanted = entry_of(order.algorithm);
    if (hex_of(answer, "order") != ByteVector(order.name.begin(), order.name.end())) bad_answer("order");
    if (field_of(answer, "serial") != order.serial) bad_answer("serial");
    if (field_of(answer, "algorithm") != wanted.name) bad_answer("algorithm");
    CentreKey out{hex_of(answer, "public_key"), hex_of(answer, "envelope")};
    const PKey key = public_key_of_spki(out.public_key);
    if (!key || !is_of(key.get(), order.algorithm) || out.public_key == order.recipient) bad_answer("public_key");
    const PKey recipient = public_key_of_spki(order.recipient);
    if (!recipient) throw CaError(Fault::bad_argument, mark("The key that an envelope is for can't be read."));
    const std::size_t opening = entry_of(algorithm_of(recipient.get())).opening;
    if (out.envelope.size() != opening + wanted.parts + kWrapOverhead) bad_answer("envelope");
    return out;
}

}  // namespace sealkey::ca
