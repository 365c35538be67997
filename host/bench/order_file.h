// Many orders in one file: a CSV table or a JSON list. Everything that can be checked is checked here, before any key
// is touched, and everything that is wrong is told at once, by line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/inventory.h"
#include "bench/order.h"
#include "ca/authority.h"

namespace sealkey::bench {

inline constexpr std::size_t kMaxOrderFile = 16U << 20U;
inline constexpr std::size_t kMaxOrders = 10000;

struct OrderEntry {
    std::size_t line = 0;  // in the file, 1 being the first; where a JSON object begins
    Order order;
    ca::ByteVector picture;  // of the seal; empty: none
};

struct OrderProblem {
    std::size_t line = 0;
    std::size_t order = 0;  // which of the orders in the file, 1 being the first; 0: none of them
    OrderFault fault;
};

struct OrderFile {
    std::vector<OrderEntry> orders;      // all that could be read, those with problems too
    std::vector<OrderProblem> problems;  // by line
};

// Reads text and checks the fields of each order, and the orders against each other. CSV: the first record names the
// fields; an empty field is one that isn't given. JSON: a list of objects, or one object.
[[nodiscard]] OrderFile parse_orders_csv(std::string_view text);
[[nodiscard]] OrderFile parse_orders_json(std::string_view text);

// By the file's name: .csv or .json. Pictures lie beside it; they are read and decoded. Throws CaError bad_argument for
// another name, file.
[[nodiscard]] OrderFile read_orders(const std::string& path);

// Would the inventory's rules take them all, one after the other? Adds what they refuse; changes nothing. Orders that
// have a problem already are passed over.
void check_with_inventory(OrderFile& file, Inventory& inventory, const ca::Authority& authority);

}  // namespace sealkey::bench
