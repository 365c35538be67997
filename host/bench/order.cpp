#include "bench/order.h"

#include <algorithm>
#include <array>
#include <functional>

#include "ca/enterprise_codes.h"
#include "ca/error.h"
#include "seal/seal.h"
#include "token/record.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using protocol::Algorithm;
using protocol::Profile;

struct TextField {
    const char* name;
    std::string Order::*member;
};
constexpr TextField kTextFields[] = {
    {"kind", &Order::kind},
    {"enterprise_name", &Order::enterprise_name},
    {"english_name", &Order::english_name},
    {"unified_code", &Order::unified_code},
    {"old_code", &Order::old_code},
    {"login_name", &Order::login_name},
    {"authorised_user", &Order::authorised_user},
    {"request", &Order::request},
    {"reason", &Order::reason},
    {"replaces", &Order::replaces},
    {"lost_or_damaged", &Order::lost_or_damaged},
    {"algorithm", &Order::algorithm},
    {"decryption_key", &Order::decryption_key},
    {"profile", &Order::profile},
    {"seal_image", &Order::seal_image},
    {"seal_name", &Order::seal_name},
};
struct NumberField {
    const char* name;
    int Order::*member;
};
constexpr NumberField kNumberFields[] = {
    {"valid_days", &Order::valid_days},
    {"seal_width_mm", &Order::seal_width_mm},
    {"seal_height_mm", &Order::seal_height_mm},
};

struct AlgorithmName {
    const char* name;
    Algorithm algorithm;
};
constexpr AlgorithmName kAlgorithms[] = {{"rsa2048", Algorithm::rsa2048},
                                         {"rsa3072", Algorithm::rsa3072},
                                         {"rsa4096", Algorithm::rsa4096},
                                         {"p256", Algorithm::p256},
                                         {"p384", Algorithm::p384}};

constexpr std::size_t kMaxCharacters = 64;  // X.520, for a name in a certificate
constexpr std::size_t kMaxLoginName = 32;
constexpr std::size_t kMaxReason = 500;
constexpr std::size_t kMaxText = 256;  // bytes
constexpr int kMaxValidDays = 3653;

constexpr std::size_t kTokenSerialSize = 12;

std::size_t characters(const std::string& utf8) {
    std::size_t n = 0;
    for (const char c : utf8) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
    return n;
}

bool is_replacement(const Order& order) { return order.kind == "replacement"; }

void check_kind(const Order& order) {
    if (order.kind == "first" || order.kind == "additional" || is_replacement(order)) return;
    throw CaError(Fault::bad_argument, mark("\"%1\" isn't a kind of order: first, additional or replacement."),
                  {order.kind});
}

void check_reason(const Order& order) {
    const bool written = order.reason.find_first_not_of(" \t\r\n") != std::string::npos;
    if (order.reason.size() <= kMaxReason && (written || (order.kind != "additional" && !is_replacement(order))))
        return;
    throw CaError(Fault::policy, is_replacement(order)
                                     ? mark("A replacement needs a reason in writing (at most 500 bytes).")
                                     : mark("An additional key needs a reason in writing (at most 500 bytes)."));
}

void check_replaces(const Order& order) {
    if (is_replacement(order) && order.replaces.empty()) {
        throw CaError(Fault::bad_argument, mark("A replacement names the key that it replaces."));
    }
    if (!is_replacement(order) && !order.replaces.empty()) {
        throw CaError(Fault::bad_argument, mark("Only a replacement replaces another key."));
    }
    if (!order.replaces.empty() && order.replaces.size() != kTokenSerialSize) {
        throw CaError(Fault::bad_argument, mark("\"%1\" isn't the serial number of a key: those have 12 characters."),
                      {order.replaces});
    }
}

void check_mishap(const Order& order) {
    if (is_replacement(order) && order.lost_or_damaged != "lost" && order.lost_or_damaged != "damaged") {
        throw CaError(Fault::bad_argument, mark("A replacement says whether the old key was lost or is damaged."));
    }
    if (!is_replacement(order) && !order.lost_or_damaged.empty()) {
        throw CaError(Fault::bad_argument, mark("Only a replacement replaces another key."));
    }
}

void check_enterprise_name(const Order& order) {
    if (order.enterprise_name.empty() || characters(order.enterprise_name) > kMaxCharacters) {
        throw CaError(Fault::bad_argument, mark("The enterprise's name has 1 to 64 characters."));
    }
}

void check_login_name(const Order& order) {
    if (order.login_name.empty() && !is_replacement(order)) {
        throw CaError(Fault::bad_argument, mark("The order needs a login name."));
    }
    bool clean = order.login_name.size() <= kMaxLoginName;
    for (const char c : order.login_name) clean = clean && c > ' ' && c < 0x7F;
    if (!clean) {
        throw CaError(Fault::bad_argument,
                      mark("A login name has at most 32 letters, digits and signs of ASCII, no space."));
    }
}

void check_code(const Order& order) { ca::check_unified_code(order.unified_code); }

void check_former_code(const Order& order) {
    if (order.old_code.empty()) return;
    try {
        ca::check_unified_code(order.unified_code);
    } catch (const CaError&) {  // told by its own field; the old one can't be compared with it
        return;
    }
    ca::check_old_code(order.old_code, order.unified_code);
}

void check_decryption_key(const Order& order) {
    if (order.decryption_key == "token" || order.decryption_key == "centre") return;
    throw CaError(Fault::bad_argument, mark("\"%1\" isn't where a decryption key comes from: token or centre."),
                  {order.decryption_key});
}

void check_days(const Order& order) {
    if (order.valid_days < 0 || order.valid_days > kMaxValidDays) {
        throw CaError(Fault::bad_argument, mark("A certificate is valid for 1 to 3653 days."));
    }
}

void check_seal_size(int millimetres) {
    if (millimetres < 1 || millimetres > seal::kMaxMillimetres) {
        throw CaError(Fault::bad_argument, mark("A seal measures 1 to 200 millimetres."));
    }
}

// In the order in which they are told. A name of a field stands here once for each of its rules.
struct Check {
    const char* field;
    void (*check)(const Order&);
};
constexpr Check kChecks[] = {
    {"kind", check_kind},
    {"reason", check_reason},
    {"replaces", check_replaces},
    {"lost_or_damaged", check_mishap},
    {"enterprise_name", check_enterprise_name},
    {"login_name", check_login_name},
    {"unified_code", check_code},
    {"old_code", check_former_code},
    {"valid_days", check_days},
    {"algorithm", [](const Order& order) { (void)algorithm_of(order); }},
    {"decryption_key", check_decryption_key},
    {"profile", [](const Order& order) { (void)profile_of(order); }},
    {"seal_width_mm", [](const Order& order) { check_seal_size(order.seal_width_mm); }},
    {"seal_height_mm", [](const Order& order) { check_seal_size(order.seal_height_mm); }},
};

// What every text must be, whatever it says: these go into certificates, records, seals, and onto labels.
void check_text(const std::string& name, const std::string& text) {
    if (name == "reason") {  // may have lines, and its length has a rule of its own
        std::string line = text;
        std::replace_if(
            line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
        if (token::is_clean_utf8(line)) return;
    } else if (text.size() <= kMaxText && token::is_clean_utf8(text)) {
        return;
    }
    throw CaError(Fault::bad_argument,
                  mark("Field \"%1\" of the order isn't plain text: at most 256 bytes of UTF-8 without control "
                       "characters."),
                  {name});
}

void collect(std::vector<OrderFault>& faults, const std::string& field, const std::function<void()>& check) {
    try {
        check();
    } catch (const CaError& error) {
        faults.push_back({field, error});
    }
}

}  // namespace

std::vector<std::string> order_fields() {
    std::vector<std::string> names;
    for (const auto& field : kTextFields) names.emplace_back(field.name);
    for (const auto& field : kNumberFields) names.emplace_back(field.name);
    return names;
}

bool is_number_field(const std::string& name) {
    return std::any_of(std::begin(kNumberFields), std::end(kNumberFields),
                       [&](const NumberField& field) { return name == field.name; });
}

Order order_of_json(const nlohmann::json& json, std::vector<OrderFault>& faults) {
    Order order;
    const auto refuse = [&](const std::string& key, const char* why) {
        faults.push_back({key, CaError(Fault::bad_argument, why, {key})});
    };
    if (!json.is_object()) {
        refuse("", mark("An order is a JSON object."));
        return order;
    }
    for (const auto& [key, value] : json.items()) {
        bool known = false;
        for (const auto& field : kTextFields) {
            if (key != field.name) continue;
            known = true;
            if (value.is_string()) {
                order.*field.member = value.get<std::string>();
            } else {
                refuse(key, mark("Field \"%1\" of the order isn't text."));
            }
        }
        for (const auto& field : kNumberFields) {
            if (key != field.name) continue;
            known = true;
            if (value.is_number_integer() && value >= 0 && value <= 100000) {
                order.*field.member = value.get<int>();
            } else {
                refuse(key, mark("Field \"%1\" of the order isn't a number that fits."));
            }
        }
        // A field that isn't known may be one that was mistyped, and an order must not lose a part quietly.
        if (!known) refuse(key, mark("Field \"%1\" of the order isn't known."));
    }
    return order;
}

Order order_of_json(const nlohmann::json& json) {
    std::vector<OrderFault> faults;
    Order order = order_of_json(json, faults);
    if (!faults.empty()) throw CaError(faults[0].error);
    return order;
}

nlohmann::json json_of(const Order& order) {
    nlohmann::json json = nlohmann::json::object();
    for (const auto& field : kTextFields) json[field.name] = order.*field.member;
    for (const auto& field : kNumberFields) json[field.name] = order.*field.member;
    return json;
}

std::vector<OrderFault> faults_of(const Order& order) {
    std::vector<OrderFault> faults;
    for (const Check& one : kChecks) collect(faults, one.field, [&] { one.check(order); });
    for (const auto& field : kTextFields) {
        // One complaint a field is enough.
        const bool told = std::any_of(faults.begin(), faults.end(),
                                      [&](const OrderFault& fault) { return fault.field == field.name; });
        if (!told) collect(faults, field.name, [&] { check_text(field.name, order.*field.member); });
    }
    return faults;
}

void check_order(const Order& order) {
    const auto faults = faults_of(order);
    if (!faults.empty()) throw CaError(faults[0].error);
}

Algorithm algorithm_of(const Order& order) {
    for (const auto& one : kAlgorithms) {
        if (order.algorithm == one.name) return one.algorithm;
    }
    throw CaError(Fault::bad_argument,
                  mark("\"%1\" isn't an algorithm for a key: rsa2048, rsa3072, rsa4096, p256, p384."),
                  {order.algorithm});
}

bool from_centre(const Order& order, const std::string& slot) {
    return slot == "9D" && order.decryption_key == "centre";
}

Profile profile_of(const Order& order) {
    if (order.profile == "shipping") return Profile::shipping;
    if (order.profile == "compatibility") return Profile::compatibility;
    throw CaError(Fault::bad_argument, mark("\"%1\" isn't a profile: shipping or compatibility."), {order.profile});
}

}  // namespace sealkey::bench
