// Where the inventory is kept: a SQLite file or, by URL, a PostgreSQL database. All that the two don't agree about
// stands here and in the schema's table; every other statement is written so that both take it: bytes as hexadecimal
// text, no NULL, numbers given by the program, ON CONFLICT, no rowid, no functions that only one has.
#pragma once

#include <soci/soci.h>

#include <memory>
#include <mutex>
#include <string>

namespace sealkey::bench {

enum class DatabaseKind { sqlite, postgresql };

// Whether `place` is a URL ("postgresql://..." or "postgres://...") and not the path of a file.
[[nodiscard]] bool is_database_url(const std::string& place);
// Throws CaError bad_argument: no URL that libpq takes, or one with a secret in it, which would stand in lists of
// processes, in the shell's history and in the CA's settings.
void check_database_url(const std::string& url);
// libpq's `host` as connected to: the path of a socket's folder, this machine by name or address, or another one.
[[nodiscard]] bool stays_on_this_machine(const std::string& host);
// The database's own words in one line.
[[nodiscard]] std::string said_by(const soci::soci_error& error);

class Database {
public:
    // A file is made if it isn't there (mode 0600); beside it stand FILE-wal and FILE-shm while anybody has it open, or
    // after a crash, and belong to it: the last one to close it puts them back into it. A server's database is there or
    // not. Throws CaError file, bad_argument (see check_database_url()), corrupt; soci_error.
    explicit Database(const std::string& place);

    [[nodiscard]] DatabaseKind kind() const { return kind_; }
    [[nodiscard]] const std::string& place() const { return place_; }
    // Outside a transaction a server that was restarted meanwhile is connected again.
    [[nodiscard]] soci::session& session();

    // One writer at a time: who comes second waits here, ten seconds at most (CaError file).
    void begin_writing();
    // What is read is of one moment, whatever others write meanwhile.
    void begin_reading();
    // Throws CaError file where the server was lost at that moment, so that nobody knows yet.
    void commit();
    void rollback() noexcept;

    // 0: there is nothing yet. Throws CaError corrupt for a server's database with something else in it.
    [[nodiscard]] int schema_version();
    void set_schema_version(int version);
    // Between begin and commit of who makes or changes the tables.
    void begin_schema();
    // A statement of the schema in this database's words.
    [[nodiscard]] std::string in_words(const std::string& statement) const;

private:
    void open();
    void begin(const char* statement);
    void wait_for_turn();
    void ended() noexcept;
    [[nodiscard]] bool lost();

    std::string place_;
    DatabaseKind kind_;
    soci::session session_;
    bool in_transaction_ = false;
    std::shared_ptr<std::timed_mutex> turn_;  // of this program's writers to the same file
    std::unique_lock<std::timed_mutex> my_turn_;
};

}  // namespace sealkey::bench
