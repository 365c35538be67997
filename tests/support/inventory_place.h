// Where a test's inventory is kept. The tests of the inventory run twice, by ctest: once each with a SQLite file, and
// once all together (SEALKEY_TEST_POSTGRESQL=1) at one PostgreSQL server that the test program starts and takes with
// it.
#pragma once

#include <soci/soci.h>

#include <string>

namespace sealkey::bench {

[[nodiscard]] bool on_postgresql();
// An empty one: the file, which must not be there, or the URL of a new schema.
[[nodiscard]] std::string new_place(const std::string& file);
// Past the program, as somebody may do who can write there.
void open_past_the_program(soci::session& session, const std::string& place);
// Of the version before 6, for those that take it further back.
void back_to_version_5(soci::session& session);
// The folder of the server's socket, for tests of the address itself.
[[nodiscard]] const std::string& server_folder();

}  // namespace sealkey::bench
