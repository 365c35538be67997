#include "bench/inventory_move.h"

#include <algorithm>
#include <map>
#include <vector>

#include "bench/inventory.h"
#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

using Row = std::vector<std::string>;

struct Table {
    std::string name;
    std::vector<std::string> columns;
};

// As the file has them, in the order in which they were made: what is referred to comes first. Both sides have the same
// version, and so the same columns.
std::vector<Table> tables_of(Database& file) {
    std::vector<Table> tables;
    const soci::rowset<std::string> names =
        (file.session().prepare
         << "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY rowid");
    for (const std::string& name : names) tables.push_back({name, {}});
    for (Table& table : tables) {
        const soci::rowset<std::string> columns =
            (file.session().prepare << "SELECT name FROM pragma_table_info(:t) ORDER BY cid", soci::use(table.name));
        table.columns.assign(columns.begin(), columns.end());
    }
    return tables;
}

std::string joined(const std::vector<std::string>& parts, const std::string& before, const std::string& after) {
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + before + part + after;
    return out;
}

// What each side notes for itself isn't a row of the inventory.
bool is_own_note(const Table& table, const Row& row) {
    return table.name == "meta" && (row[0] == "schema_version" || row[0] == "authority");
}

// Everything as text, which is how both say numbers; sorted, since the two sort differently.
std::vector<Row> rows_of(Database& database, const Table& table) {
    const soci::rowset<soci::row> found =
        (database.session().prepare << "SELECT " + joined(table.columns, "CAST(", " AS TEXT)") + " FROM " + table.name);
    std::vector<Row> rows;
    for (const soci::row& one : found) {
        Row row;
        for (std::size_t i = 0; i < table.columns.size(); ++i) row.push_back(one.get<std::string>(i));
        if (!is_own_note(table, row)) rows.push_back(std::move(row));
    }
    std::sort(rows.begin(), rows.end());
    return rows;
}

void write_rows(Database& database, const Table& table, const std::vector<Row>& rows) {
    std::vector<std::string> places;
    for (std::size_t i = 0; i < table.columns.size(); ++i) places.push_back("v" + std::to_string(i));
    Row values(table.columns.size());
    soci::statement insert(database.session());
    for (const std::string& value : values) insert.exchange(soci::use(value));
    insert.alloc();
    insert.prepare("INSERT INTO " + table.name + " (" + joined(table.columns, "", "") + ") VALUES (" +
                   joined(places, ":", "") + ")" +
                   (table.name == "meta" ? " ON CONFLICT (name) DO UPDATE SET value = excluded.value" : ""));
    insert.define_and_bind();
    for (const Row& row : rows) {
        std::copy(row.begin(), row.end(), values.begin());
        insert.execute(true);
    }
}

using Contents = std::map<std::string, std::vector<Row>>;
Contents contents_of(Database& database, const std::vector<Table>& tables) {
    Contents all;
    for (const Table& table : tables) all[table.name] = rows_of(database, table);
    return all;
}

// Rows of a new inventory: those of "meta", which every inventory begins with.
bool is_empty(const Contents& contents) {
    return std::all_of(contents.begin(), contents.end(),
                       [](const auto& table) { return table.first == "meta" || table.second.empty(); });
}

void fill(Database& target, const std::vector<Table>& tables, const Contents& wanted, const std::string& authority) {
    const Contents there = contents_of(target, tables);
    if (there == wanted && !is_empty(there)) return;  // a run before came as far
    if (!is_empty(there)) {
        throw CaError(Fault::exists, mark("The database has the rows of another inventory. Nothing was changed."));
    }
    for (const Table& table : tables) write_rows(target, table, wanted.at(table.name));
    target.session()
        << "INSERT INTO meta (name, value) VALUES ('authority', :v) ON CONFLICT (name) DO UPDATE SET value "
           "= excluded.value",
        soci::use(authority);
    if (contents_of(target, tables) != wanted) {
        throw CaError(Fault::corrupt,
                      mark("The database gives back other rows than it was given. Nothing was changed."));
    }
}

void require_ours(Inventory& inventory, const std::string& authority) {
    const std::string whose = inventory.authority();
    if (whose.empty() || whose == authority) return;
    throw CaError(Fault::exists, mark("The database has the inventory of another CA: nothing was changed."));
}

}  // namespace

MovedInventory move_inventory(const std::string& file, const std::string& url, const std::string& authority,
                              const std::function<void()>& switch_over) {
    {
        // Both are brought to this program's version; the server's gets its tables.
        Inventory source(file);
        source.check_audit_chain();
        require_ours(source, authority);
        Inventory target(url);
        require_ours(target, authority);
    }
    Database source(file);
    source.begin_writing();
    const std::vector<Table> tables = tables_of(source);
    const Contents wanted = contents_of(source, tables);
    {
        Database target(url);
        target.begin_writing();
        fill(target, tables, wanted, authority);
        target.commit();
    }
    MovedInventory moved;
    for (const auto& [name, rows] : wanted) moved.rows += rows.size();
    Inventory target(url);
    target.check_audit_chain();
    moved.head = target.audit_head();
    switch_over();
    // A program that still has the file open must not go on with it.
    source.session() << "CREATE TRIGGER IF NOT EXISTS moved BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'this "
                        "inventory was moved to a server'); END";
    source.commit();
    return moved;
}

}  // namespace sealkey::bench
