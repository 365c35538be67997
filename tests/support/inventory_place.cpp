#include "support/inventory_place.h"

#include <fcntl.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include "bench/database.h"

namespace sealkey::bench {

namespace {

// tests/integration/postgresql.py, which ends its server when its input ends: also when this program is killed.
class Server {
public:
    Server() {
        int in[2];
        int out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
        child_ = ::fork();
        if (child_ == 0) {
            ::dup2(in[0], STDIN_FILENO);
            ::dup2(out[1], STDOUT_FILENO);
            ::execl("/usr/bin/python3", "python3", SEALKEY_SOURCE_DIR "/tests/integration/postgresql.py", nullptr);
            ::_exit(127);
        }
        ::close(in[0]);
        ::close(out[1]);
        input_ = in[1];
        for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';) folder_ += c;
        ::close(out[0]);
        if (folder_.empty()) throw std::runtime_error("PostgreSQL didn't start");
    }
    ~Server() {
        ::close(input_);
        ::waitpid(child_, nullptr, 0);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    [[nodiscard]] const std::string& folder() const { return folder_; }

private:
    pid_t child_ = -1;
    int input_ = -1;
    std::string folder_;
};

const Server& server() {
    static const Server one;
    return one;
}

std::string url(const std::string& more) { return "postgresql://sealkey@/postgres?host=" + server_folder() + more; }

}  // namespace

bool on_postgresql() { return std::getenv("SEALKEY_TEST_POSTGRESQL") != nullptr; }

const std::string& server_folder() { return server().folder(); }

std::string new_place(const std::string& file) {
    if (!on_postgresql()) return file;
    static int count = 0;
    const std::string schema = "test" + std::to_string(++count);
    soci::session sql(soci::postgresql, url(""));
    sql << "CREATE SCHEMA " + schema;
    return url("&options=-csearch_path%3D" + schema);
}

void back_to_version_5(soci::session& session) {
    session << "DROP INDEX live_certificates";
    session << "DROP INDEX tokens_by_organisation";
    session << "CREATE INDEX tokens_by_enterprise ON tokens (unified_code)";
    session << (on_postgresql() ? "UPDATE meta SET value = '5' WHERE name = 'schema_version'"
                                : "PRAGMA user_version = 5");
}

void open_past_the_program(soci::session& session, const std::string& place) {
    if (is_database_url(place)) {
        session.open(soci::postgresql, place);
    } else {
        session.open(soci::sqlite3, "db=\"" + place + "\"");
    }
}

}  // namespace sealkey::bench
