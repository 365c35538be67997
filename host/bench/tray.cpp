#include "bench/tray.h"

#include <signal.h>

#include <algorithm>

#include "bench/crl_file.h"
#include "bench/parcel.h"
#include "ca/enterprise_codes.h"
#include "ca/error.h"
#include "protocol/limits.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{100};
constexpr int kCrlDays = 7;

// Thrown between two steps when the tray is to stop.
struct Stopped : std::runtime_error {
    Stopped() : std::runtime_error("stopped") {}
};

// Signals stay with the main thread, whose handlers expect them.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

}  // namespace

// ---- the tray ------------------------------------------------------------------------------------------------------

Tray::Tray(const ca::Authority& authority, const BenchKeys& keys, const OrderFile& file, const BirthRecords& births,
           std::function<std::unique_ptr<Inventory>()> open_inventory,
           std::function<std::unique_ptr<transport::Provider>()> make_provider, TrayOptions options)
    : authority_(authority),
      keys_(keys),
      file_(file),
      births_(births),
      open_inventory_(std::move(open_inventory)),
      make_provider_(std::move(make_provider)),
      options_(std::move(options)),
      batch_(batch_of(file)),
      inventory_(open_inventory_()),
      provider_(make_provider_()) {
    for (int i = 0; i < options_.ports; ++i) ports_.push_back(std::make_unique<Port>());
    if (JobBook(*inventory_).jobs(batch_).empty()) {
        Inventory::Work work(*inventory_, options_.operator_name);
        if (JobBook(*inventory_).jobs(batch_).empty()) JobBook(*inventory_).add_batch(work, batch_, file_);
        work.commit();
    }
}

Tray::~Tray() {
    stopping_ = true;
    for (auto& port : ports_) {
        if (port->thread.joinable()) port->thread.join();
    }
}

TrayEnd Tray::run() {
    const auto begun = Clock::now();
    usage_.cpu_before = process_cpu();
    const TrayEnd end = work_off();
    // What a port revoked by the way, or a run that was killed: a certificate whose key had to be made again.
    if (inventory_->list_is_behind()) publish_crl(*inventory_);
    usage_.cpu = process_cpu() - usage_.cpu_before;
    usage_.seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    return end;
}

TrayEnd Tray::work_off() {
    auto last_event = Clock::now();
    for (;;) {
        const auto readers = provider_->readers();
        if (!stopping_) dispatch(readers);
        options_.tick();
        const bool busy = anyone_busy();
        if (busy) last_event = Clock::now();
        if (!busy && stopping_) return TrayEnd::stopped;
        if (!busy && settled()) return TrayEnd::all_settled;
        const bool impatient = options_.patience.count() != 0 && Clock::now() - last_event >= options_.patience;
        if (!busy && impatient) return TrayEnd::patience_over;
        (void)provider_->wait_for_change(readers, kLook);
    }
}

bool Tray::anyone_busy() const {
    return std::any_of(ports_.begin(), ports_.end(), [](const auto& port) { return port->busy.load(); });
}

bool Tray::settled() {
    const auto jobs = JobBook(*inventory_).jobs(batch_);
    return std::all_of(jobs.begin(), jobs.end(), [](const JobRow& job) {
        return job.state != JobState::waiting && job.state != JobState::begun;
    });
}

// A free port for each card that wasn't dealt with since it was put in.
void Tray::dispatch(const std::vector<transport::ReaderState>& readers) {
    {
        const std::lock_guard lock(mutex_);
        for (const std::string& reader : finished_readers_) in_use_.erase(reader);
        finished_readers_.clear();
        if (look_again_) {
            for (const std::string& reader : waiting_readers_) dealt_with_.erase(reader);
            waiting_readers_.clear();
        }
        look_again_ = false;
    }
    for (const auto& reader : readers) {
        const auto dealt = dealt_with_.find(reader.name);
        if (!reader.card_present || in_use_.count(reader.name) != 0) continue;
        if (dealt != dealt_with_.end() && dealt->second == reader.event_count) continue;
        // The port that had this reader before, so that a tray's picture doesn't jump; otherwise any.
        const auto free_port = [&](bool same) {
            return std::find_if(ports_.begin(), ports_.end(), [&](const auto& port) {
                const std::lock_guard lock(mutex_);
                return !port->busy && (!same || port->view.reader == reader.name);
            });
        };
        auto found = free_port(true);
        if (found == ports_.end()) found = free_port(false);
        if (found == ports_.end()) return;
        Port& port = **found;
        if (port.thread.joinable()) port.thread.join();
        port.busy = true;
        in_use_.insert(reader.name);
        dealt_with_[reader.name] = reader.event_count;
        const SignalsBlocked blocked;
        port.thread = std::thread(&Tray::work, this, static_cast<std::size_t>(found - ports_.begin()), reader);
    }
}

void Tray::show(std::size_t port, const std::function<void(PortView&)>& change) {
    const std::lock_guard lock(mutex_);
    change(ports_[port]->view);
    options_.changed(port, ports_[port]->view);
}

void Tray::work(std::size_t port, const transport::ReaderState& reader) {
    {
        const std::lock_guard lock(mutex_);
        ports_[port]->view = PortView{};
        ports_[port]->view.reader = reader.name;
    }
    try {
        make_keys(port, reader.name);
    } catch (const Stopped&) {
        show(port, [](PortView& view) { view.phase = PortPhase::stopped; });
    } catch (const std::exception& error) {
        const std::string why = options_.explain(error);
        show(port, [&](PortView& view) {
            view.phase = PortPhase::stopped;
            view.message = why;
        });
    }
    {
        const std::lock_guard lock(mutex_);
        usage_.ports += take_usage();
        finished_readers_.insert(reader.name);
        look_again_ = true;
        ports_[port]->busy = false;
    }
    provider_->cancel();  // run() needn't wait to see it
}

void Tray::make_keys(std::size_t port, const std::string& reader) {
    const auto provider = make_provider_();
    const auto inventory = open_inventory_();
    token::Token token(metered(provider->connect(reader)));
    const auto status = token.recognise();
    if (!status) throw CaError(Fault::unknown, mark("There is something else than a key of ours."));
    // An order that is refused leaves the key blank: it takes the next one.
    while (make_one(port, reader, *inventory, token, *status)) {
        if (stopping_) throw Stopped();
    }
}

// ---- which order ---------------------------------------------------------------------------------------------------

// The first that waits and doesn't come after another of its enterprise that isn't in the inventory yet: an additional
// key's order is refused before the first key's is there.
std::optional<JobRow> Tray::take_waiting(Inventory& inventory) {
    const std::lock_guard lock(mutex_);
    std::set<std::string> held;
    for (const JobRow& job : JobBook(inventory).jobs(batch_)) {
        if (job.state != JobState::waiting) continue;
        const Order& order = file_.orders.at(static_cast<std::size_t>(job.number - 1)).order;
        const bool free = held.insert(ca::organisation_of(order.unified_code)).second && taken_.count(job.number) == 0;
        if (!free) continue;
        taken_.insert(job.number);
        return job;
    }
    return std::nullopt;
}

void Tray::give_back(int number) {
    const std::lock_guard lock(mutex_);
    taken_.erase(number);
    look_again_ = true;
}

std::optional<Tray::Choice> Tray::choose(std::size_t port, Inventory& inventory, const token::TokenStatus& status) {
    const bool blank = status.lifecycle == protocol::Lifecycle::blank;
    const BirthRecord* birth = blank ? births_.find(status.serial) : nullptr;
    if (blank && birth == nullptr) {
        throw CaError(Fault::unknown, mark("There is no factory's record of the blank key %1."), {status.serial});
    }
    const auto row = blank ? inventory.find_chip(birth->chip_id) : inventory.find_token(status.serial);
    if (!row && !blank) {
        throw CaError(Fault::unknown, mark("Key %1 isn't blank, and this bench's inventory doesn't know it."),
                      {status.serial});
    }
    if (row) {
        if (row->step == kGivenUp) {
            throw CaError(Fault::policy, mark("Key %1 was given up and isn't used any more: take another one."),
                          {row->serial});
        }
        const auto job = JobBook(inventory).job_of_token(row->serial);
        if (row->step == "done" && (!job || job->state == JobState::done || job->batch != batch_)) {
            throw CaError(Fault::exists, mark("Key %1 is finished: it was issued before."), {row->serial});
        }
        if (!job || job->batch != batch_) {
            throw CaError(Fault::policy, mark("Key %1 was begun for an order that isn't in this file."), {row->serial});
        }
        return Choice{*job, birth != nullptr ? birth : births_.find(shown_serial(row->chip_id))};
    }
    const auto job = take_waiting(inventory);
    if (job) return Choice{*job, birth};
    const auto jobs = JobBook(inventory).jobs(batch_);
    const bool later =
        std::any_of(jobs.begin(), jobs.end(), [](const auto& j) { return j.state == JobState::waiting; });
    if (later) {
        const std::lock_guard lock(mutex_);
        waiting_readers_.insert(ports_[port]->view.reader);
    }
    return std::nullopt;
}

// ---- one key -------------------------------------------------------------------------------------------------------

void Tray::save(Inventory& inventory, JobRow& job, JobState state) {
    Inventory::Work work(inventory, options_.operator_name);
    JobBook(inventory).update(work, job, state);
    work.commit();
}

void Tray::publish_crl(Inventory& inventory) {
    const std::lock_guard lock(crl_mutex_);
    write_crl_files(inventory, authority_, keys_.issuing.get(), options_.operator_name, kCrlDays);
}

// Whether the key is still blank and may take another order.
bool Tray::make_one(std::size_t port, const std::string& reader, Inventory& inventory, token::Token& token,
                    const token::TokenStatus& status) {
    auto choice = choose(port, inventory, status);
    if (!choice) return false;
    JobRow job = choice->job;
    const OrderEntry& entry = file_.orders.at(static_cast<std::size_t>(job.number - 1));
    bool admitted = false;
    IssueInput input;
    input.order = entry.order;
    input.picture = entry.picture;
    input.operator_name = options_.operator_name;
    input.birth = choice->birth;
    input.reader = options_.opensc ? reader : "";
    input.admitted = [&](Inventory::Work& work, const TokenRow& row) {
        job.token = row.serial;
        job.step = name_of(Step::birth);
        JobBook(inventory).update(work, job, JobState::begun);
        admitted = true;
    };
    // With the key's own row, so that a finished key's order is never left open.
    input.ended = [&](Inventory::Work& work, Step step) {
        if (step != Step::done) job.step = name_of(static_cast<Step>(static_cast<int>(step) + 1));
        JobBook(inventory).update(work, job, step == Step::done ? JobState::done : job.state);
    };
    bool published = entry.order.kind != "replacement";
    job.port = reader;
    job.message.clear();
    IssueJob issue(inventory, authority_, keys_, token, std::move(input));
    try {
        (void)issue.run([&](Step step) {
            if (stopping_) throw Stopped();
            if (step > Step::admit) {
                give_back(job.number);
                if (step == Step::birth && !admitted) save(inventory, job, JobState::begun);  // its port is another now
                // N3: the old key is on the list before anything of the new one is made.
                if (!published) publish_crl(inventory);
                published = true;
            }
            show(port, [&](PortView& view) {
                view.phase = PortPhase::working;
                view.order = job.number;
                view.serial = issue.serial();
                view.login_name = entry.order.login_name;
                view.step = step;
            });
        });
    } catch (const JobTaken&) {
        give_back(job.number);
        return true;
    } catch (const std::exception& error) {
        give_back(job.number);
        // As the inventory has it: what a transaction took back isn't so.
        JobRow kept = JobBook(inventory).jobs(batch_).at(static_cast<std::size_t>(job.number - 1));
        std::swap(kept, job);
        job.port = kept.port;
        const auto* refused = dynamic_cast<const CaError*>(&error);
        const bool stopped = dynamic_cast<const Stopped*>(&error) != nullptr;
        job.message = stopped ? "" : options_.explain(error);
        JobState state = job.state;
        if (refused != nullptr && job.token.empty() && refused->fault() == Fault::policy) state = JobState::refused;
        if (refused != nullptr && refused->fault() == Fault::quality) state = JobState::failed;
        if (!stopped) save(inventory, job, state);
        if (state != JobState::refused) throw;
        return true;
    }
    show(port, [&](PortView& view) { view.phase = PortPhase::finished; });
    return false;
}

}  // namespace sealkey::bench
