// The tables of docs/pkcs11-module.md, made from those that the module works by: its mechanisms, its rules for session
// objects, and the objects that it shows of a token.
//
// pkcs11_tables: prints them. --check FILE: exits 1 where the file has others. --write FILE: puts them there.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "attribute_rules.h"
#include "mechanisms.h"
#include "objects.h"

namespace {

using namespace sealkey::pkcs11;
namespace token = sealkey::token;
namespace protocol = sealkey::protocol;

struct Named {
    CK_ULONG value;
    const char* name;
};

// Attributes of objects on the token that no session object has.
constexpr Named kTokenAttributes[] = {
    {CKA_ALWAYS_AUTHENTICATE, "ALWAYS_AUTHENTICATE"},
    {CKA_SIGN_RECOVER, "SIGN_RECOVER"},
    {CKA_PROFILE_ID, "PROFILE_ID"},
    {CKA_HW_FEATURE_TYPE, "HW_FEATURE_TYPE"},
    {CKA_PIXEL_X, "PIXEL_X"},
    {CKA_PIXEL_Y, "PIXEL_Y"},
    {CKA_RESOLUTION, "RESOLUTION"},
    {CKA_CHAR_ROWS, "CHAR_ROWS"},
    {CKA_CHAR_COLUMNS, "CHAR_COLUMNS"},
    {CKA_COLOR, "COLOR"},
    {CKA_BITS_PER_PIXEL, "BITS_PER_PIXEL"},
    {CKA_CHAR_SETS, "CHAR_SETS"},
    {CKA_ENCODING_METHODS, "ENCODING_METHODS"},
    {CKA_MIME_TYPES, "MIME_TYPES"},
};
constexpr Named kUses[] = {
    {CKF_SIGN, "sign"},
    {CKF_VERIFY, "verify"},
    {CKF_SIGN_RECOVER, "sign with recovery"},
    {CKF_VERIFY_RECOVER, "verify with recovery"},
    {CKF_ENCRYPT, "encrypt"},
    {CKF_DECRYPT, "decrypt"},
    {CKF_WRAP, "wrap"},
    {CKF_UNWRAP, "unwrap"},
    {CKF_DERIVE, "derive"},
    {CKF_DIGEST, "digest"},
    {CKF_GENERATE, "generate"},
    {CKF_GENERATE_KEY_PAIR, "generate a pair"},
};

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}

std::string attribute_name(CK_ATTRIBUTE_TYPE type) {
    for (const AttributeRule& rule : attribute_rules()) {
        if (rule.type == type) return rule.name;
    }
    for (const Named& one : kTokenAttributes) {
        if (one.value == type) return one.name;
    }
    throw std::runtime_error("no name for attribute " + std::to_string(type));
}

std::string mechanisms_table() {
    static constexpr const char* kFamilies[] = {"none", "RSA", "EC P-256, P-384", "AES session key", "session key"};
    std::string text = "| mechanism | keys | sizes | for |\n|---|---|---|---|\n";
    for (const Mechanism& row : mechanisms()) {
        std::vector<std::string> uses;
        for (const Named& use : kUses) {
            if (row.allows(use.value)) uses.emplace_back(use.name);
        }
        const std::string sizes = std::to_string(row.min_size) + "-" + std::to_string(row.max_size) +
                                  (row.family == Family::aes ? " bytes" : " bits");
        text += std::string("| ") + row.name + " | " + kFamilies[static_cast<int>(row.family)] + " | " +
                (row.family == Family::none ? "" : sizes) + " | " + joined(uses) + " |\n";
    }
    return text;
}

std::string session_table() {
    constexpr Named kKinds[] = {{kind::data, "data"},
                                {kind::certificate, "certificate"},
                                {kind::rsa_public, "RSA public key"},
                                {kind::ec_public, "EC public key"},
                                {kind::secret, "secret key"}};
    const char* defaults[] = {"", "empty", "false", "true", "0", "unavailable"};
    std::string text =
        "| attribute | objects | C_CreateObject | generate, derive, unwrap | change | copy | otherwise |\n";
    text += "|---|---|---|---|---|---|---|\n";
    for (const AttributeRule& rule : attribute_rules()) {
        std::vector<std::string> kinds;
        for (const Named& one : kKinds) {
            if ((rule.kinds & one.value) != 0) kinds.emplace_back(one.name);
        }
        const auto has = [&](unsigned bits) { return (rule.when & bits) != 0; };
        const char* change = has(when::raise)    ? "to true"
                             : has(when::lower)  ? "to false"
                             : has(when::change) ? "yes"
                                                 : "";
        text += std::string("| ") + rule.name + " | " + (rule.kinds == kind::all ? "all" : joined(kinds)) + " | " +
                (has(when::needed)   ? "needed"
                 : has(when::create) ? "may"
                                     : "") +
                " | " + (has(when::make) ? "may" : "") + " | " + change + " | " +
                (has(when::copy | when::change) ? "yes" : "") + " | " + defaults[static_cast<int>(rule.otherwise)] +
                " |\n";
    }
    return text;
}

// Objects are asked for their attributes' names alone.
class EmptyMaterial final : public Material {
public:
    std::shared_ptr<const Certificate> certificate(const token::SlotInfo&) override {
        return std::make_shared<const Certificate>();
    }
    PublicKeyParts public_key(const token::SlotInfo&) override { return {}; }
    ByteVector data(const token::ObjectInfo&) override { return {}; }
};

token::TokenStatus sample(protocol::Algorithm algorithm) {
    token::TokenStatus status;
    for (const std::uint8_t slot :
         {protocol::ref::authentication, protocol::ref::signature, protocol::ref::key_management,
          protocol::ref::card_authentication, protocol::ref::retired_first}) {
        token::SlotInfo info;
        info.slot = slot;
        info.algorithm = algorithm;
        info.certificate_length = 1;
        status.slots.push_back(info);
    }
    token::ObjectInfo seal;
    seal.tag = protocol::object::seal;
    status.objects.push_back(seal);
    return status;
}

std::string class_name(Object& object) {
    const std::string type = object.key() ? (object.key()->algorithm->is_rsa() ? "RSA " : "EC ") : "";
    switch (object.object_class()) {
        case CKO_CERTIFICATE:
            return "certificate";
        case CKO_PUBLIC_KEY:
            return type + "public key";
        case CKO_PRIVATE_KEY:
            return type + "private key";
        case CKO_PROFILE:
            return "profile";
        case CKO_HW_FEATURE:
            return "hardware feature";
        default:
            return "data";
    }
}

std::string token_table() {
    EmptyMaterial material;
    std::vector<std::string> seen;
    std::string text = "| object | attributes |\n|---|---|\n";
    for (const auto algorithm : {protocol::Algorithm::rsa2048, protocol::Algorithm::p256}) {
        for (const NamedObject& one : objects_of(sample(algorithm), material)) {
            const std::string name = class_name(*one.object);
            if (std::find(seen.begin(), seen.end(), name) != seen.end()) continue;
            seen.push_back(name);
            std::vector<std::string> names;
            for (const auto& [type, value] : one.object->whole().all()) names.push_back(attribute_name(type));
            text += "| " + name + " | " + joined(names) + " |\n";
        }
    }
    return text;
}

std::string uses_table() {
    EmptyMaterial material;
    std::string text = "| private key | CKA_ALLOWED_MECHANISMS |\n|---|---|\n";
    for (const auto algorithm : {protocol::Algorithm::rsa2048, protocol::Algorithm::p256}) {
        for (const NamedObject& one : objects_of(sample(algorithm), material)) {
            if (one.object->object_class() != CKO_PRIVATE_KEY) continue;
            const ByteVector* label = one.object->attribute(CKA_LABEL);
            const ByteVector* allowed = one.object->attribute(CKA_ALLOWED_MECHANISMS);
            std::vector<std::string> names;
            for (const Mechanism& row : mechanisms()) {
                for (std::size_t at = 0; at < allowed->size(); at += sizeof(row.type)) {
                    if (std::memcmp(allowed->data() + at, &row.type, sizeof(row.type)) == 0)
                        names.emplace_back(row.name);
                }
            }
            text += "| " + std::string(label->begin(), label->end()) + ", " +
                    (algorithm == protocol::Algorithm::p256 ? "EC" : "RSA") + " | " + joined(names) + " |\n";
        }
    }
    return text;
}

// The text with each table between its marks made anew. Throws where a mark is missing.
std::string with_tables(std::string text) {
    const std::pair<const char*, std::string> tables[] = {{"mechanisms", mechanisms_table()},
                                                          {"allowed", uses_table()},
                                                          {"token objects", token_table()},
                                                          {"session objects", session_table()}};
    for (const auto& [name, table] : tables) {
        const std::string mark = std::string("<!-- made by pkcs11_tables: ") + name + " -->\n";
        const auto begin = text.find(mark);
        const auto end = text.find("\n\n", begin);
        if (begin == std::string::npos || end == std::string::npos) throw std::runtime_error("no place for " + mark);
        text.replace(begin + mark.size(), end + 1 - begin - mark.size(), table);
    }
    return text;
}

std::string content_of(const char* path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(std::string("can't read ") + path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

int main(int count, char** arguments) {
    try {
        const std::string how = count > 1 ? arguments[1] : "";
        if (count == 1) {
            std::cout << mechanisms_table() << '\n' << uses_table() << '\n' << token_table() << '\n' << session_table();
            return 0;
        }
        if (count != 3 || (how != "--check" && how != "--write")) {
            std::cerr << "usage: pkcs11_tables [--check FILE | --write FILE]\n";
            return 2;
        }
        const std::string now = content_of(arguments[2]);
        const std::string wanted = with_tables(now);
        if (how == "--write") std::ofstream(arguments[2]) << wanted;
        if (how == "--check" && now != wanted) {
            std::cerr << arguments[2] << ": a table isn't the module's; pkcs11_tables --write mends it\n";
            return 1;
        }
        return 0;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}
