// The jobs of a tray: which key is being made for which order of a file, and how far it has come. Rows in the
// inventory, written only inside an Inventory::Work, so that after a crash they say what the other tables say.
#pragma once

#include "bench/inventory.h"
#include "bench/order_file.h"
#include "ca/error.h"

namespace sealkey::bench {

enum class JobState {
    waiting,  // for a blank key
    begun,    // has its key; goes on when that one is plugged in
    failed,   // its key failed a check: tried again when it is plugged in, and not to be delivered before
    refused,  // the CA's rules refused the order: no key was touched for it, and the next run tries it again
    done,
};
[[nodiscard]] const char* name_of(JobState state);  // "waiting", ...
[[nodiscard]] JobState parse_job_state(const std::string& name);
[[nodiscard]] bool may_follow(JobState from, JobState to);

struct JobRow {
    std::string batch;
    int number = 0;  // of the order in its file, 1 being the first
    int line = 0;
    std::string order_text;  // JSON
    JobState state = JobState::waiting;
    std::string token;    // serial number; empty: none yet
    std::string step;     // the step that was begun last
    std::string port;     // where that was
    std::string message;  // why it stopped there
    std::string updated_at;
};

// Another bench at the same inventory was first.
class JobTaken : public ca::CaError {
public:
    explicit JobTaken(int number);
};

// The same orders with the same pictures, whatever their file is called.
[[nodiscard]] std::string batch_of(const OrderFile& file);

class JobBook {
public:
    explicit JobBook(Inventory& inventory) : inventory_(inventory) {}

    // In the order of the file; empty: this batch was never begun.
    [[nodiscard]] std::vector<JobRow> jobs(const std::string& batch);
    // Of any batch.
    [[nodiscard]] std::optional<JobRow> job_of_token(const std::string& serial);

    void add_batch(Inventory::Work& work, const std::string& batch, const OrderFile& file);
    // Throws CaError policy where the table of states doesn't have the change; a state may stay as it is. Throws
    // JobTaken where the row isn't in `row`'s state any more.
    void update(Inventory::Work& work, JobRow& row, JobState state);

private:
    [[nodiscard]] std::vector<JobRow> select(const std::string& where, const std::string& value);
    Inventory& inventory_;
};

// At the start of a run: orders that were refused and that the rules would take now wait for a key again. The others
// keep their message.
void reopen_refused(Inventory& inventory, const ca::Authority& authority, const OrderFile& file,
                    const std::string& operator_name);

}  // namespace sealkey::bench
