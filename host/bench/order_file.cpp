#include "bench/order_file.h"

#include <algorithm>
#include <map>
#include <set>

#include "bench/csv.h"
#include "bench/key_centre.h"
#include "bench/policy.h"
#include "ca/error.h"
#include "seal/error.h"
#include "seal/picture.h"
#include "token/record.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

// About the file itself.
void add_problem(OrderFile& file, std::size_t line, const std::string& field, const char* text,
                 std::vector<std::string> arguments = {}) {
    file.problems.push_back({line, 0, {field, CaError(Fault::bad_argument, text, std::move(arguments))}});
}

// About one order; `index` counts from 0.
void add_fault(OrderFile& file, std::size_t index, OrderFault fault) {
    file.problems.push_back({file.orders[index].line, index + 1, std::move(fault)});
}

void sort_by_line(OrderFile& file) {
    std::stable_sort(file.problems.begin(), file.problems.end(),
                     [](const OrderProblem& a, const OrderProblem& b) { return a.line < b.line; });
}

// ---- orders against each other -------------------------------------------------------------------------------------

using Seen = std::map<std::string, std::size_t>;  // value -> line

void check_once(OrderFile& file, Seen& seen, std::size_t index, const char* field, std::string value,
                const char* text) {
    if (value.empty()) return;
    std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return std::toupper(c); });
    const auto [first, added] = seen.emplace(value, file.orders[index].line);
    if (!added) {
        add_fault(file, index, {field, CaError(Fault::policy, text, {value, std::to_string(first->second)})});
    }
}

// Adds an order with what couldn't be read of it, and everything else that is wrong with it.
void add_order(OrderFile& file, std::size_t line, const nlohmann::json& json) {
    std::vector<OrderFault> unread;
    file.orders.push_back({line, order_of_json(json, unread), {}});
    std::set<std::string> told;
    for (OrderFault& fault : unread) {
        told.insert(fault.field);
        add_fault(file, file.orders.size() - 1, std::move(fault));
    }
    if (!json.is_object()) return;
    for (OrderFault& fault : faults_of(file.orders.back().order)) {
        if (told.count(fault.field) == 0) add_fault(file, file.orders.size() - 1, std::move(fault));
    }
}

void check_together(OrderFile& file) {
    Seen names;
    Seen replaced;
    for (std::size_t i = 0; i < file.orders.size(); ++i) {
        check_once(file, names, i, "login_name", file.orders[i].order.login_name,
                   mark("The login name %1 stands in line %2 already."));
        check_once(file, replaced, i, "replaces", file.orders[i].order.replaces,
                   mark("Key %1 is replaced by line %2 already."));
    }
    if (file.orders.empty() && file.problems.empty()) add_problem(file, 1, "", mark("There is no order in the file."));
    if (file.orders.size() > kMaxOrders) {
        add_problem(file, file.orders[kMaxOrders].line, "", mark("A file holds at most %1 orders."),
                    {std::to_string(kMaxOrders)});
    }
    sort_by_line(file);
}

// ---- CSV -----------------------------------------------------------------------------------------------------------

bool check_header(OrderFile& file, const CsvRecord& header) {
    const auto known = order_fields();
    const std::size_t before = file.problems.size();
    std::set<std::string> seen;
    for (const std::string& name : header.fields) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            add_problem(file, header.line, name,
                        mark("There is no field \"%1\" of an order: the first line names the "
                             "fields."),
                        {name});
        } else if (!seen.insert(name).second) {
            add_problem(file, header.line, name, mark("Field \"%1\" stands there twice."), {name});
        }
    }
    return file.problems.size() == before;
}

nlohmann::json value_of(const std::string& name, const std::string& text) {
    const bool number =
        is_number_field(name) && text.size() <= 6 && text.find_first_not_of("0123456789") == std::string::npos;
    if (number) return std::stoi(text);
    if (is_number_field(name)) return nullptr;  // refused where the fields are read
    return text;
}

// A spreadsheet that isn't set to UTF-8 writes the local code page.
std::size_t line_of_bad_utf8(std::string_view text) {
    std::size_t line = 1;
    std::size_t begin = 0;
    while (begin <= text.size()) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        std::string one(text.substr(begin, end - begin));
        std::replace_if(
            one.begin(), one.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
        if (!token::is_clean_utf8(one)) return line;
        begin = end + 1;
        ++line;
    }
    return 0;
}

// ---- JSON ----------------------------------------------------------------------------------------------------------

// The line in which each element of the outermost list begins; `text` is known to be JSON.
std::vector<std::size_t> lines_of_elements(std::string_view text) {
    std::vector<std::size_t> lines;
    std::size_t line = 1;
    int depth = 0;
    bool in_string = false;
    bool begins = false;  // the next character that isn't space begins an element
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\n') ++line;
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
            continue;
        }
        if (begins && c != ']') lines.push_back(line);
        begins = false;
        if (c == '"') in_string = true;
        if (c == '[' || c == '{') begins = depth++ == 0 && c == '[';
        if (c == ']' || c == '}') --depth;
        if (c == ',' && depth == 1) begins = true;
    }
    return lines;
}

// nlohmann keeps the last of two members with one name, and an order must not lose a part quietly.
class TwiceNamed {
public:
    struct Name {
        std::size_t element;  // of the outermost list, 0 being the first
        std::string name;
    };

    bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
        using Event = nlohmann::json::parse_event_t;
        if (event == Event::object_start) names_[depth + 1].clear();
        if (event == Event::key && !names_[depth].insert(parsed.get<std::string>()).second) {
            twice.push_back({elements_, parsed.get<std::string>()});
        }
        if (depth == 1 && (event == Event::object_end || event == Event::array_end || event == Event::value)) {
            ++elements_;
        }
        return true;
    }
    std::vector<Name> twice;

private:
    std::map<int, std::set<std::string>> names_;
    std::size_t elements_ = 0;
};

// The parser stops at the first fault; the line is that of the byte it names.
std::size_t line_of_byte(std::string_view text, std::size_t byte) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(byte, text.size()));
    return 1 + static_cast<std::size_t>(std::count(text.begin(), end, '\n'));
}

// ---- files ---------------------------------------------------------------------------------------------------------

void read_picture(OrderFile& file, std::size_t index, const std::string& folder) {
    OrderEntry& entry = file.orders[index];
    const std::string& name = entry.order.seal_image;
    if (name.empty()) return;
    try {
        const std::string content = ca::read_file(name.front() == '/' ? name : folder + name);
        entry.picture.assign(content.begin(), content.end());
        (void)seal::decode_png(entry.picture);
    } catch (const CaError& error) {
        add_fault(file, index, {"seal_image", error});
    } catch (const seal::SealError&) {
        const char* text = mark("%1 isn't a picture that a seal can have: a PNG of at most 2048 points a side.");
        add_fault(file, index, {"seal_image", CaError(Fault::bad_argument, text, {name})});
    }
}

bool ends_with(const std::string& path, std::string_view end) {
    return path.size() > end.size() && std::string_view(path).substr(path.size() - end.size()) == end;
}

}  // namespace

OrderFile parse_orders_csv(std::string_view text) {
    OrderFile file;
    if (const std::size_t line = line_of_bad_utf8(text)) {
        add_problem(file, line, "", mark("The file isn't UTF-8: save the table as \"CSV UTF-8\"."));
        return file;
    }
    CsvText table = parse_csv(text);
    for (const CsvFault& fault : table.faults) add_problem(file, fault.line, "", fault.text);
    if (table.records.empty() || (!table.faults.empty() && table.faults[0].line < table.records[0].line)) {
        check_together(file);
        return file;  // no line that names the fields
    }
    const CsvRecord header = table.records[0];
    const bool shape_known = check_header(file, header);
    for (std::size_t i = 1; i < table.records.size() && shape_known; ++i) {
        const CsvRecord& record = table.records[i];
        if (record.fields.size() != header.fields.size()) {
            add_problem(file, record.line, "", mark("The line has %1 fields, and the first line names %2."),
                        {std::to_string(record.fields.size()), std::to_string(header.fields.size())});
            continue;
        }
        nlohmann::json json = nlohmann::json::object();
        for (std::size_t k = 0; k < header.fields.size(); ++k) {
            if (!record.fields[k].empty()) json[header.fields[k]] = value_of(header.fields[k], record.fields[k]);
        }
        add_order(file, record.line, json);
    }
    check_together(file);
    return file;
}

OrderFile parse_orders_json(std::string_view text) {
    OrderFile file;
    nlohmann::json json;
    TwiceNamed names;
    try {
        json = nlohmann::json::parse(text, std::ref(names));
    } catch (const nlohmann::json::parse_error& error) {
        add_problem(file, line_of_byte(text, error.byte), "", mark("The file isn't JSON from here on."));
        return file;
    }
    const bool single = json.is_object();
    if (single) json = nlohmann::json::array({json});
    if (!json.is_array()) {
        add_problem(file, 1, "", mark("Orders are a list of JSON objects."));
        return file;
    }
    auto lines = lines_of_elements(text);
    lines.resize(json.size(), 1);
    for (std::size_t i = 0; i < json.size(); ++i) add_order(file, lines[i], json[i]);
    for (const auto& [element, name] : names.twice) {
        add_fault(file, single ? 0 : element,
                  {name, CaError(Fault::bad_argument, mark("Field \"%1\" stands twice in one order."), {name})});
    }
    check_together(file);
    return file;
}

OrderFile read_orders(const std::string& path) {
    const bool csv = ends_with(path, ".csv");
    if (!csv && !ends_with(path, ".json")) {
        throw CaError(Fault::bad_argument, mark("Orders are a .csv or a .json file: %1 is neither."), {path});
    }
    const std::string text = ca::read_file(path);
    if (text.size() > kMaxOrderFile) {
        throw CaError(Fault::bad_argument, mark("%1 is too long for a file of orders."), {path});
    }
    OrderFile file = csv ? parse_orders_csv(text) : parse_orders_json(text);
    const auto slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    for (std::size_t i = 0; i < file.orders.size(); ++i) read_picture(file, i, folder);
    sort_by_line(file);
    return file;
}

void check_with_inventory(OrderFile& file, Inventory& inventory, const ca::Authority& authority) {
    std::set<std::size_t> bad;
    for (const OrderProblem& problem : file.problems) bad.insert(problem.order);
    // As if each were begun now; the transaction is never committed.
    Inventory::Work rehearsal(inventory, "");
    for (std::size_t i = 0; i < file.orders.size(); ++i) {
        if (bad.count(i + 1) != 0) continue;
        try {
            require_centre(authority, file.orders[i].order);
            const Admission admission = admit_order(inventory, rehearsal, file.orders[i].order);
            (void)rehearsal.add_token("order " + std::to_string(i + 1), admission.order, "", admission.key_number, 1);
        } catch (const CaError& error) {
            add_fault(file, i, {"", error});
        }
    }
    sort_by_line(file);
}

}  // namespace sealkey::bench
