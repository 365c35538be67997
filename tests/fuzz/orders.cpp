// Orders in JSON, as a file of many and one by one: faults are told by line, in order, and an order without a fault
// reads back as it was written.
#include <algorithm>
#include <cstdlib>

#include "bench/order_file.h"
#include "ca/error.h"

using namespace sealkey;

namespace {

void check_good(const bench::Order& order) {
    std::vector<bench::OrderFault> faults;
    if (bench::order_of_json(bench::json_of(order), faults) != order || !faults.empty()) std::abort();
    try {
        bench::check_order(order);
        (void)bench::algorithm_of(order);
        (void)bench::profile_of(order);
        (void)bench::json_of(order).dump();  // throws where a text isn't UTF-8
    } catch (const std::exception&) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const bench::OrderFile file = bench::parse_orders_json(text);
    std::vector<bool> bad(file.orders.size());
    std::size_t line = 0;
    for (const bench::OrderProblem& problem : file.problems) {
        if (problem.line < line || problem.line == 0 || problem.order > bad.size()) std::abort();
        line = problem.line;
        if (problem.order != 0) bad[problem.order - 1] = true;
        if (*problem.fault.error.what() == '\0') std::abort();
    }
    if (file.orders.empty() && file.problems.empty()) std::abort();
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    for (std::size_t i = 0; i < file.orders.size(); ++i) {
        if (file.orders[i].line == 0 || file.orders[i].line > lines) std::abort();
        if (!bad[i]) check_good(file.orders[i].order);
    }
    return 0;
}
