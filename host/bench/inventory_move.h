// An inventory that was begun in a file moves to a server's database, whole or not at all.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "bench/audit.h"

namespace sealkey::bench {

struct MovedInventory {
    std::size_t rows = 0;
    AuditHead head;
};

// Copies every row of every table in one transaction of the server's, reads all of it back and compares, checks the
// audit trail on both sides, and only then calls `switch_over`, after which the file takes no change any more. The file
// is locked meanwhile. Until `switch_over` has returned the file is the inventory, wherever this is interrupted; a
// database that such a run has filled is taken as it is if it still has the same rows. Throws CaError exists (the
// database has something else in it), corrupt, file; soci_error.
MovedInventory move_inventory(const std::string& file, const std::string& url, const std::string& authority,
                              const std::function<void()>& switch_over);

}  // namespace sealkey::bench
