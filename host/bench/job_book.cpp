#include "bench/job_book.h"

#include <set>

#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using soci::into;
using soci::use;

constexpr unsigned job_bit(JobState state) { return 1U << static_cast<unsigned>(state); }

// Its key was given up: another one is taken.
constexpr unsigned kGiveUp = job_bit(JobState::waiting);

struct JobStateRow {
    JobState state;
    const char* name;
    unsigned next;
};
constexpr JobStateRow kJobStates[] = {
    {JobState::waiting, "waiting", job_bit(JobState::begun) | job_bit(JobState::refused)},
    {JobState::begun, "begun", job_bit(JobState::failed) | job_bit(JobState::done) | kGiveUp},
    {JobState::failed, "failed", job_bit(JobState::begun) | job_bit(JobState::done) | kGiveUp},
    {JobState::refused, "refused", job_bit(JobState::waiting)},
    {JobState::done, "done", 0},
};

const JobStateRow& row_of(JobState state) { return kJobStates[static_cast<std::size_t>(state)]; }

}  // namespace

JobTaken::JobTaken(int number)
    : CaError(Fault::exists, mark("Order %1 of the batch was taken by another bench meanwhile."),
              {std::to_string(number)}) {}

const char* name_of(JobState state) { return row_of(state).name; }

JobState parse_job_state(const std::string& name) {
    for (const JobStateRow& one : kJobStates) {
        if (name == one.name) return one.state;
    }
    throw CaError(Fault::corrupt, mark("The inventory has a job in state \"%1\", which this program doesn't know."),
                  {name});
}

bool may_follow(JobState from, JobState to) { return (row_of(from).next & job_bit(to)) != 0; }

std::string batch_of(const OrderFile& file) {
    std::string text;
    for (const OrderEntry& entry : file.orders) {
        auto json = json_of(entry.order);
        json["seal_image"] = entry.picture.empty() ? "" : ca::sha256_hex(entry.picture);
        text += json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
    return ca::sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}).substr(0, 32);
}

std::vector<JobRow> JobBook::select(const std::string& where, const std::string& value) {
    const Metered metered(Part::database);
    JobRow row;
    std::string state;
    soci::statement query =
        (inventory_.sql().prepare << "SELECT batch, number, line, order_text, state, token, step, port, message, "
                                     "updated_at FROM jobs WHERE " +
                                         where + " = :v ORDER BY batch, number",
         into(row.batch), into(row.number), into(row.line), into(row.order_text), into(state), into(row.token),
         into(row.step), into(row.port), into(row.message), into(row.updated_at), use(value));
    query.execute();
    std::vector<JobRow> rows;
    while (query.fetch()) {
        row.state = parse_job_state(state);
        rows.push_back(row);
    }
    return rows;
}

std::vector<JobRow> JobBook::jobs(const std::string& batch) { return select("batch", batch); }

std::optional<JobRow> JobBook::job_of_token(const std::string& serial) {
    auto rows = select("token", serial);
    return rows.empty() ? std::nullopt : std::optional(rows[0]);
}

void JobBook::add_batch(Inventory::Work& work, const std::string& batch, const OrderFile& file) {
    const std::string at = ca::iso_time(ca::now());
    const std::string state = name_of(JobState::waiting);
    int number = 0;
    for (const OrderEntry& entry : file.orders) {
        ++number;
        const int line = static_cast<int>(entry.line);
        const std::string text = json_of(entry.order).dump();
        inventory_.sql() << "INSERT INTO jobs (batch, number, line, order_text, state, updated_at) VALUES (:b, :n, :l, "
                            ":o, :s, :u)",
            use(batch), use(number), use(line), use(text), use(state), use(at);
    }
    work.audit("batch", batch, {{"orders", number}});
}

void JobBook::update(Inventory::Work&, JobRow& row, JobState state) {
    if (row.state != state && !may_follow(row.state, state)) {
        throw CaError(Fault::policy, mark("Order %1 of the batch is %2 and can't become %3."),
                      {std::to_string(row.number), name_of(row.state), name_of(state)});
    }
    const std::string before = name_of(row.state);
    row.updated_at = ca::iso_time(ca::now());
    const std::string name = name_of(state);
    soci::statement change =
        (inventory_.sql().prepare << "UPDATE jobs SET state = :s, token = :t, step = :p, port = :r, message = :m, "
                                     "updated_at = :u WHERE batch = :b AND number = :n AND state = :o",
         use(name), use(row.token), use(row.step), use(row.port), use(row.message), use(row.updated_at), use(row.batch),
         use(row.number), use(before));
    change.execute(true);
    if (change.get_affected_rows() != 1) throw JobTaken(row.number);
    row.state = state;
}

void reopen_refused(Inventory& inventory, const ca::Authority& authority, const OrderFile& file,
                    const std::string& operator_name) {
    JobBook book(inventory);
    const std::string batch = batch_of(file);
    // All that are still to be made, in their order: an additional key's order is good if the first one's is.
    OrderFile open;
    std::vector<int> numbers;
    bool any = false;
    for (const JobRow& job : book.jobs(batch)) {
        if (job.state != JobState::waiting && job.state != JobState::refused) continue;
        any = any || job.state == JobState::refused;
        open.orders.push_back(file.orders.at(static_cast<std::size_t>(job.number - 1)));
        numbers.push_back(job.number);
    }
    if (!any) return;
    check_with_inventory(open, inventory, authority);
    std::set<int> bad;
    for (const OrderProblem& problem : open.problems) bad.insert(numbers.at(problem.order - 1));
    Inventory::Work work(inventory, operator_name);
    nlohmann::json again = nlohmann::json::array();
    for (JobRow& job : book.jobs(batch)) {
        if (job.state != JobState::refused || bad.count(job.number) != 0) continue;
        job.port.clear();
        job.message.clear();
        book.update(work, job, JobState::waiting);
        again.push_back(job.number);
    }
    if (again.empty()) return;
    work.audit("batch-again", batch, {{"orders", again}});
    work.commit();
}

}  // namespace sealkey::bench
