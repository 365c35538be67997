// The steps of a key's making, for people.
#pragma once

#include "bench/issue.h"

namespace sealkey::cli {

[[nodiscard]] const char* step_text(bench::Step step);

}  // namespace sealkey::cli
