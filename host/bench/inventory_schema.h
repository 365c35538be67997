// The inventory's tables: the one place where they are defined, and their version.
#pragma once

#include <soci/soci.h>

namespace sealkey::bench {

// Makes the tables in a new database; checks the version in an old one. Throws CaError corrupt where it isn't known.
void prepare_schema(soci::session& sql);

}  // namespace sealkey::bench
