// An order: the key that is to be made, for whom, and why. From a JSON file or from the command line.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ca/error.h"
#include "protocol/key.h"
#include "protocol/piv.h"

namespace sealkey::bench {

inline constexpr int kKeysPerEnterprise = 3;  // requirement N2

struct Order {
    std::string kind = "first";  // first, additional, replacement
    std::string enterprise_name;
    std::string english_name;     // may be empty
    std::string unified_code;     // unified social credit code
    std::string old_code;         // the 13-character code, if the enterprise had one
    std::string login_name;       // a replacement keeps that of the key it replaces, and may leave it out
    std::string authorised_user;  // who will hold the key; may be empty
    std::string request;          // the approved request this is for; may be empty
    std::string reason;           // additional and replacement: in writing
    std::string replaces;         // replacement: serial number of the old key
    std::string lost_or_damaged;  // replacement: "lost" or "damaged"
    std::string algorithm = "rsa2048";
    std::string decryption_key = "token";  // made there, or by the key "centre"
    std::string profile = "shipping";
    int valid_days = 0;      // 0: as the CA's settings say
    std::string seal_image;  // a PNG file; empty: no seal
    std::string seal_name;   // empty: the enterprise's name
    int seal_width_mm = 40;
    int seal_height_mm = 40;

    bool operator==(const Order&) const = default;
};

// One thing that is wrong with an order. `field` is empty where it isn't about one field alone.
struct OrderFault {
    std::string field;
    ca::CaError error;
};

// The names of all fields, as JSON and CSV have them.
[[nodiscard]] std::vector<std::string> order_fields();
// Whether the field holds a number.
[[nodiscard]] bool is_number_field(const std::string& name);

// What can be read of it; every field that is unknown or of a wrong kind is added to `faults`.
[[nodiscard]] Order order_of_json(const nlohmann::json& json, std::vector<OrderFault>& faults);
// Throws the first fault.
[[nodiscard]] Order order_of_json(const nlohmann::json& json);
[[nodiscard]] nlohmann::json json_of(const Order& order);

// All that can be checked without the inventory: fields that are needed or don't belong together, codes (N7), names.
// Faults are bad_argument, bad_code, policy.
[[nodiscard]] std::vector<OrderFault> faults_of(const Order& order);
// Throws the first fault.
void check_order(const Order& order);

[[nodiscard]] protocol::Algorithm algorithm_of(const Order& order);
// Whether a key of this order in this role comes from the key centre.
[[nodiscard]] bool from_centre(const Order& order, const std::string& slot);
[[nodiscard]] protocol::Profile profile_of(const Order& order);

}  // namespace sealkey::bench
