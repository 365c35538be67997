// Files of orders, for the commands that take them.
#pragma once

#include <string>

#include "bench/order_file.h"
#include "cli/bench/bench_common.h"

namespace sealkey::cli {

// Says everything that is wrong, by line, and throws Failed bad_input; returns where nothing is.
void require_good_orders(Context& context, const bench::OrderFile& file, const std::string& path);

}  // namespace sealkey::cli
