#include "bench/database.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>

#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

// What isn't said in the same words. The audit rows are a chain, each with the number and the hash of the one before,
// so there is one order of all changes and one writer at a time. PostgreSQL's SERIALIZABLE would let two write and then
// refuse one of them, when its token may have been changed already; the lock makes the second wait before it has done
// anything, readers don't meet it, it ends with the transaction or the connection, and it holds against other programs
// too. READ COMMITTED, so that what is read behind the lock is what the writer before has left.
struct Words {
    const char* begin_writing;
    const char* lock;  // behind it; "": begin_writing has done it
    const char* begin_reading;
    const char* begin_schema;  // there may be no table to lock yet
    const char* lock_schema;
    const char* text;  // a column of text that is compared byte by byte, whatever the server's language is
};
constexpr Words kWords[] = {
    {"BEGIN IMMEDIATE", "", "BEGIN", "BEGIN IMMEDIATE", "", "TEXT"},
    {"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", "LOCK TABLE audit IN EXCLUSIVE MODE",
     "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
     "SELECT pg_advisory_xact_lock(7313721)", "TEXT COLLATE \"C\""},
};
const Words& words_of(DatabaseKind kind) { return kWords[static_cast<std::size_t>(kind)]; }

// For each connection to a server. A bench that vanishes without a word gives its lock back within a minute.
constexpr const char* kServerSettings[] = {
    "SET client_encoding TO 'UTF8'",     "SET lock_timeout TO '10s'",     "SET tcp_keepalives_idle TO 30",
    "SET tcp_keepalives_interval TO 10", "SET tcp_keepalives_count TO 3",
};
constexpr char kLockTimeout[] = "55P03";  // lock_not_available
constexpr int kSqliteBusy = 5;            // SQLITE_BUSY
constexpr std::chrono::seconds kPatience{10};

// A commit waits for the disk once, where SQLite's rollback journal makes it wait three or four times, and the ports of
// a tray wait for each other's. FULL, and not NORMAL as is usual with a write-ahead log: what was committed must be on
// the disk before the next command to a token, since the certificate that was issued, or the keys that were changed,
// are known nowhere else after a power cut.
constexpr const char* kFileSettings[] = {"PRAGMA foreign_keys = ON", "PRAGMA synchronous = FULL"};
constexpr char kWriteAhead[] = "PRAGMA journal_mode = WAL";

struct ConnectionOption {
    const char* name;
    const char* value;
};
constexpr ConnectionOption kConnectionDefaults[] = {
    {"connect_timeout", "10"},
    {"application_name", "sealkey-bench"},
    {"keepalives_idle", "30"},
    {"tcp_user_timeout", "30000"},
};
// Where a secret could stand in a URL.
constexpr const char* kSecretOptions[] = {"password", "sslpassword"};

using ConnectionOptions = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

ConnectionOptions parse_url(const std::string& url) {
    char* problem = nullptr;
    ConnectionOptions options(PQconninfoParse(url.c_str(), &problem), PQconninfoFree);
    // libpq's words repeat the URL, and with it what may be a password.
    PQfreemem(problem);
    if (!options || !is_database_url(url)) {
        throw CaError(Fault::bad_argument, mark("The inventory's address isn't a URL that PostgreSQL's library takes: "
                                                "postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full"));
    }
    for (const auto* one = options.get(); one->keyword != nullptr; ++one) {
        for (const char* secret : kSecretOptions) {
            if (one->val == nullptr || std::strcmp(one->keyword, secret) != 0) continue;
            throw CaError(Fault::bad_argument,
                          mark("The inventory's URL has a password in it, where others can read it. Take it out, "
                               "change it at the server, and keep it in a file that only you can read: PGPASSFILE "
                               "names it, or ~/.pgpass is used. Nothing was done."));
        }
    }
    return options;
}

void add_option(std::string& text, const char* name, const char* value) {
    text += std::string(text.empty() ? "" : " ") + name + "='";
    for (const char* c = value; *c != 0; ++c) {
        if (*c == '\'' || *c == '\\') text += '\\';
        text += *c;
    }
    text += "'";
}

std::string connection_text(const std::string& url) {
    const auto options = parse_url(url);
    std::string text;
    for (const auto& preset : kConnectionDefaults) {
        bool given = false;
        for (const auto* one = options.get(); one->keyword != nullptr; ++one) {
            given = given || (one->val != nullptr && std::strcmp(one->keyword, preset.name) == 0);
        }
        if (!given) add_option(text, preset.name, preset.value);
    }
    for (const auto* one = options.get(); one->keyword != nullptr; ++one) {
        if (one->val != nullptr) add_option(text, one->keyword, one->val);
    }
    return text;
}

PGconn* connection_of(soci::session& session) {
    // Its type isn't exported: the caller knows that this is one.
    return static_cast<soci::postgresql_session_backend*>(session.get_backend())->conn_;
}

// Without its certificate a server far away may be anybody, and between here and there anybody may read.
void require_certainty(PGconn* connection) {
    if (stays_on_this_machine(PQhost(connection))) return;
    const ConnectionOptions options(PQconninfo(connection), PQconninfoFree);
    for (const auto* one = options.get(); one != nullptr && one->keyword != nullptr; ++one) {
        const bool sure = std::strcmp(one->keyword, "sslmode") == 0 && one->val != nullptr &&
                          (std::strcmp(one->val, "verify-full") == 0 || std::strcmp(one->val, "verify-ca") == 0);
        if (sure) return;
    }
    throw CaError(Fault::bad_argument,
                  mark("The inventory's server is on another machine (%1), and nothing proves which one answers: add "
                       "?sslmode=verify-full to the URL, and sslrootcert=FILE. Nothing was done."),
                  {PQhost(connection)});
}

void require_utf8(soci::session& session) {
    std::string encoding;
    session << "SHOW server_encoding", soci::into(encoding);
    if (encoding == "UTF8") return;
    throw CaError(
        Fault::corrupt,
        mark("The database keeps text as %1, and names in Chinese need UTF8. Make another one: CREATE DATABASE "
             "... ENCODING 'UTF8' TEMPLATE template0. Nothing was changed."),
        {encoding});
}

void open_file(soci::session& session, const std::string& path) {
    // The file is made here, since SQLite would make it readable for all.
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) throw CaError(Fault::file, mark("%1 can't be opened: %2."), {path, std::strerror(errno)});
    ::close(fd);
    session.open(soci::sqlite3, "db=\"" + path + "\" timeout=10");
    for (const char* setting : kFileSettings) session << setting;
    try {
        // Stands in the file from the first time on. Where a file system can't have it SQLite says which one it keeps.
        std::string mode;
        session << kWriteAhead, soci::into(mode);
    } catch (const soci::sqlite3_soci_error& error) {
        // An older bench has it open with a rollback journal: as good, but slower.
        if (error.result() != kSqliteBusy) throw;
    }
}

// The same one for all that open the same file.
std::shared_ptr<std::timed_mutex> turn_at(const std::string& path) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<std::timed_mutex>> all;
    const std::lock_guard lock(mutex);
    auto turn = all[path].lock();
    if (!turn) all[path] = turn = std::make_shared<std::timed_mutex>();
    return turn;
}

void open_server(soci::session& session, const std::string& url) {
    const std::string text = connection_text(url);
    try {
        session.open(soci::postgresql, text);
    } catch (const soci::soci_error& error) {
        throw CaError(Fault::file,
                      mark("The inventory's server can't be used (%1). Where it wants a password, PGPASSFILE names the "
                           "file that has it, or ~/.pgpass is used."),
                      {said_by(error)});
    }
    PQsetNoticeProcessor(
        connection_of(session), [](void*, const char*) {}, nullptr);  // not onto our terminal
    require_certainty(connection_of(session));
    for (const char* setting : kServerSettings) session << setting;
    require_utf8(session);
}

bool is_busy(const soci::soci_error& error) {
    if (const auto* server = dynamic_cast<const soci::postgresql_soci_error*>(&error)) {
        return server->sqlstate() == kLockTimeout;
    }
    const auto* file = dynamic_cast<const soci::sqlite3_soci_error*>(&error);
    return file != nullptr && file->result() == kSqliteBusy;
}

[[noreturn]] void throw_busy() {
    throw CaError(Fault::file, mark("Another program has been changing the inventory for ten seconds and hasn't "
                                    "finished. Nothing was begun: try again later."));
}

}  // namespace

bool is_database_url(const std::string& place) {
    return place.rfind("postgresql://", 0) == 0 || place.rfind("postgres://", 0) == 0;
}

void check_database_url(const std::string& url) { (void)parse_url(url); }

bool stays_on_this_machine(const std::string& host) {
    return host.empty() || host.front() == '/' || host.front() == '@' || host == "localhost" || host == "127.0.0.1" ||
           host == "::1";
}

std::string said_by(const soci::soci_error& error) {
    std::string out;
    for (const char c : error.get_error_message()) {
        const bool space = c == '\n' || c == '\t' || c == ' ';
        if (!space) out += c;
        if (space && !out.empty() && out.back() != ' ') out += ' ';
    }
    while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
    return out;
}

Database::Database(const std::string& place)
    : place_(place), kind_(is_database_url(place) ? DatabaseKind::postgresql : DatabaseKind::sqlite) {
    open();
}

void Database::open() {
    if (kind_ == DatabaseKind::sqlite) {
        open_file(session_, place_);
        turn_ = turn_at(place_);
    }
    if (kind_ != DatabaseKind::postgresql) return;
    try {
        open_server(session_, place_);
    } catch (...) {
        session_.close();  // not one that is half prepared
        throw;
    }
}

// Also takes in what the server said since, which is how its going away is noticed.
bool Database::lost() {
    if (kind_ != DatabaseKind::postgresql) return false;
    if (session_.get_backend() == nullptr) return true;  // the last try to connect again failed
    PGconn* connection = connection_of(session_);
    // Once for its last words, once for the end.
    const bool there = PQconsumeInput(connection) == 1 && PQconsumeInput(connection) == 1;
    return !there || PQstatus(connection) == CONNECTION_BAD;
}

soci::session& Database::session() {
    if (!in_transaction_ && lost()) {
        session_.close();
        open();
    }
    return session_;
}

void Database::begin(const char* statement) {
    session() << statement;
    in_transaction_ = true;
}

// SQLite's own waiting is a sleep of up to a tenth of a second, after which another may have been first again; a
// server's queue is a real one. What other programs do is still SQLite's to wait for.
void Database::wait_for_turn() {
    if (turn_ == nullptr) return;
    my_turn_ = std::unique_lock(*turn_, std::chrono::system_clock::now() + kPatience);
    if (!my_turn_.owns_lock()) throw_busy();
}

void Database::ended() noexcept {
    in_transaction_ = false;
    if (my_turn_.owns_lock()) my_turn_.unlock();
}

void Database::begin_writing() {
    wait_for_turn();
    try {
        begin(words_of(kind_).begin_writing);
        if (*words_of(kind_).lock != 0) session_ << words_of(kind_).lock;
    } catch (const soci::soci_error& error) {
        rollback();
        if (!is_busy(error)) throw;
        throw_busy();
    } catch (...) {
        rollback();
        throw;
    }
}

void Database::begin_reading() { begin(words_of(kind_).begin_reading); }

void Database::begin_schema() {
    begin(words_of(kind_).begin_schema);
    if (*words_of(kind_).lock_schema != 0) session_ << words_of(kind_).lock_schema;
}

void Database::commit() {
    try {
        session_ << "COMMIT";
        ended();
    } catch (const soci::soci_error& error) {
        if (!lost()) throw;
        ended();
        throw CaError(Fault::file,
                      mark("The inventory's server was lost while it stored a change, which is there whole or not at "
                           "all: %1. When the server is back, the same command goes on from what is stored."),
                      {said_by(error)});
    }
}

void Database::rollback() noexcept {
    if (in_transaction_) {
        try {
            session_ << "ROLLBACK";
        } catch (const std::exception&) {  // the connection is gone, and with it what was begun
        }
    }
    ended();
}

int Database::schema_version() {
    int version = 0;
    if (kind_ == DatabaseKind::sqlite) {
        session_ << "PRAGMA user_version", soci::into(version);
        return version;
    }
    int tables = 0;
    int ours = 0;
    session_ << "SELECT COUNT(*), COUNT(CASE WHEN tablename = 'meta' THEN 1 END) FROM pg_catalog.pg_tables WHERE "
                "schemaname = current_schema()",
        soci::into(tables), soci::into(ours);
    if (tables == 0) return 0;
    std::string value;
    if (ours != 0) session_ << "SELECT value FROM meta WHERE name = 'schema_version'", soci::into(value);
    if (value.empty() || value.size() > 6 || value.find_first_not_of("0123456789") != std::string::npos) {
        throw CaError(Fault::corrupt, mark("The database has tables that aren't an inventory's: the inventory needs a "
                                           "database, or a schema, of its own. Nothing was changed."));
    }
    return std::stoi(value);
}

void Database::set_schema_version(int version) {
    const std::string text = std::to_string(version);
    if (kind_ == DatabaseKind::sqlite) {
        session_ << "PRAGMA user_version = " + text;
        return;
    }
    session_ << "INSERT INTO meta (name, value) VALUES ('schema_version', :v) ON CONFLICT (name) DO UPDATE SET value = "
                "excluded.value",
        soci::use(text);
}

std::string Database::in_words(const std::string& statement) const {
    static constexpr char kText[] = " TEXT";
    std::string out = statement;
    const std::string text = std::string(" ") + words_of(kind_).text;
    for (auto at = out.find(kText); at != std::string::npos; at = out.find(kText, at + text.size())) {
        out.replace(at, sizeof(kText) - 1, text);
    }
    return out;
}

}  // namespace sealkey::bench
