#include "bench/order.h"

#include <array>

#include "ca/enterprise_codes.h"
#include "ca/error.h"

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
constexpr int kMaxValidDays = 3653;

std::size_t characters(const std::string& utf8) {
    std::size_t n = 0;
    for (const char c : utf8) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
    return n;
}

void check_names(const Order& order) {
    if (order.enterprise_name.empty() || characters(order.enterprise_name) > kMaxCharacters) {
        throw CaError(Fault::bad_argument, mark("The enterprise's name has 1 to 64 characters."));
    }
    if (order.login_name.empty() && order.kind != "replacement") {
        throw CaError(Fault::bad_argument, mark("The order needs a login name."));
    }
    bool clean = order.login_name.size() <= kMaxLoginName;
    for (const char c : order.login_name) clean = clean && c > ' ' && c < 0x7F;
    if (!clean) {
        throw CaError(Fault::bad_argument,
                      mark("A login name has at most 32 letters, digits and signs of ASCII, no space."));
    }
}

void check_reason(const Order& order, const char* missing) {
    const bool written = order.reason.find_first_not_of(" \t\r\n") != std::string::npos;
    if (!written || order.reason.size() > kMaxReason) throw CaError(Fault::policy, missing);
}

void check_kind(const Order& order) {
    if (order.kind == "replacement") {
        check_reason(order, mark("A replacement needs a reason in writing (at most 500 bytes)."));
        if (order.replaces.empty()) {
            throw CaError(Fault::bad_argument, mark("A replacement names the key that it replaces."));
        }
        if (order.lost_or_damaged != "lost" && order.lost_or_damaged != "damaged") {
            throw CaError(Fault::bad_argument, mark("A replacement says whether the old key was lost or is damaged."));
        }
        return;
    }
    if (!order.replaces.empty() || !order.lost_or_damaged.empty()) {
        throw CaError(Fault::bad_argument, mark("Only a replacement replaces another key."));
    }
    if (order.kind == "additional") {
        check_reason(order, mark("An additional key needs a reason in writing (at most 500 bytes)."));
    } else if (order.kind != "first") {
        throw CaError(Fault::bad_argument, mark("\"%1\" isn't a kind of order: first, additional or replacement."),
                      {order.kind});
    }
}

}  // namespace

Order order_of_json(const nlohmann::json& json) {
    if (!json.is_object()) throw CaError(Fault::bad_argument, mark("An order is a JSON object."));
    Order order;
    for (const auto& [key, value] : json.items()) {
        bool known = false;
        for (const auto& field : kTextFields) {
            if (key != field.name) continue;
            if (!value.is_string())
                throw CaError(Fault::bad_argument, mark("Field \"%1\" of the order isn't text."), {key});
            order.*field.member = value.get<std::string>();
            known = true;
        }
        for (const auto& field : kNumberFields) {
            if (key != field.name) continue;
            if (!value.is_number_integer() || value.get<long long>() < 0 || value.get<long long>() > 100000) {
                throw CaError(Fault::bad_argument, mark("Field \"%1\" of the order isn't a number that fits."), {key});
            }
            order.*field.member = value.get<int>();
            known = true;
        }
        // A field that isn't known may be one that was mistyped, and an order must not lose a part quietly.
        if (!known) throw CaError(Fault::bad_argument, mark("Field \"%1\" of the order isn't known."), {key});
    }
    return order;
}

nlohmann::json json_of(const Order& order) {
    nlohmann::json json = nlohmann::json::object();
    for (const auto& field : kTextFields) json[field.name] = order.*field.member;
    for (const auto& field : kNumberFields) json[field.name] = order.*field.member;
    return json;
}

void check_order(const Order& order) {
    check_kind(order);
    check_names(order);
    ca::check_unified_code(order.unified_code);
    if (!order.old_code.empty()) ca::check_old_code(order.old_code, order.unified_code);
    if (order.valid_days < 0 || order.valid_days > kMaxValidDays) {
        throw CaError(Fault::bad_argument, mark("A certificate is valid for 1 to 3653 days."));
    }
    (void)algorithm_of(order);
    (void)profile_of(order);
}

Algorithm algorithm_of(const Order& order) {
    for (const auto& one : kAlgorithms) {
        if (order.algorithm == one.name) return one.algorithm;
    }
    throw CaError(Fault::bad_argument,
                  mark("\"%1\" isn't an algorithm for a key: rsa2048, rsa3072, rsa4096, p256, p384."),
                  {order.algorithm});
}

Profile profile_of(const Order& order) {
    if (order.profile == "shipping") return Profile::shipping;
    if (order.profile == "compatibility") return Profile::compatibility;
    throw CaError(Fault::bad_argument, mark("\"%1\" isn't a profile: shipping or compatibility."), {order.profile});
}

}  // namespace sealkey::bench
