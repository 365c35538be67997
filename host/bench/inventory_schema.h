// The inventory's tables: the one place where they are defined, and their version.
#pragma once

#include "bench/database.h"

namespace sealkey::bench {

// The organisation of a row of `tokens`, as ca::organisation_of() has it.
extern const char* const kOrganisation;

enum class Missing { make, refuse };

// Makes the tables in a new database, or refuses it; checks the version in an old one. Throws CaError corrupt where it
// isn't known, file where it's refused. What fails leaves the database as it was.
void prepare_schema(Database& database, Missing missing);

}  // namespace sealkey::bench
