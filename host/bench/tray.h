// Many keys at once: a thread for each port, each making its key by an IssueJob of its own, never in lock-step. Which
// key belongs to which order stands in the job book, so that a key that was pulled out, changed its port or saw the
// bench crash goes on where it stopped.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bench/birth_record.h"
#include "bench/issue.h"
#include "bench/job_book.h"
#include "bench/meter.h"
#include "transport/transport.h"

namespace sealkey::bench {

enum class PortPhase {
    empty,  // nothing to do there
    working,
    finished,  // take it out, put the next in
    stopped,   // `message` says why
};

struct PortView {
    PortPhase phase = PortPhase::empty;
    std::string reader;
    int order = 0;  // its number in the file; 0: none
    std::string serial;
    std::string login_name;
    Step step = Step::admit;
    std::string message;
};

struct TrayOptions {
    int ports = 1;
    bool opensc = true;  // quality check A by OpenSC; false at simulators' sockets
    std::string operator_name;
    std::chrono::seconds patience{0};  // ends when nothing happened for so long; 0: never
    // What the threads tell, one call at a time: the port, counted from 0, and how it stands now.
    std::function<void(std::size_t, const PortView&)> changed = [](std::size_t, const PortView&) {};
    // Now and then, from the thread of run().
    std::function<void()> tick = [] {};
    // What went wrong, in words for people.
    std::function<std::string(const std::exception&)> explain = [](const std::exception& e) { return e.what(); };
};

enum class TrayEnd { all_settled, stopped, patience_over };

class Tray {
public:
    // `file` was checked. `open_inventory` and `make_provider` are called from several threads.
    Tray(const ca::Authority& authority, const BenchKeys& keys, const OrderFile& file, const BirthRecords& births,
         std::function<std::unique_ptr<Inventory>()> open_inventory,
         std::function<std::unique_ptr<transport::Provider>()> make_provider, TrayOptions options);
    ~Tray();
    Tray(const Tray&) = delete;
    Tray& operator=(const Tray&) = delete;

    // Until every order is done, refused or failed. Throws TransportError where the readers can't be asked.
    TrayEnd run();
    // From any thread or a signal handler: each port ends its step, then run() returns.
    void stop() { stopping_ = true; }

    [[nodiscard]] const std::string& batch() const { return batch_; }

    // Of run(): what its ports did together, and the whole process meanwhile. After it.
    struct RunUsage {
        double seconds = 0;
        double cpu = 0;
        double cpu_before = 0;  // what the process had used when run() began
        Usage ports;
    };
    [[nodiscard]] const RunUsage& usage() const { return usage_; }

private:
    struct Port {
        std::thread thread;
        std::atomic<bool> busy{false};
        PortView view;
    };
    struct Choice {
        JobRow job;
        const BirthRecord* birth = nullptr;
    };

    TrayEnd work_off();
    void dispatch(const std::vector<transport::ReaderState>& readers);
    void work(std::size_t port, const transport::ReaderState& reader);
    void make_keys(std::size_t port, const std::string& reader);
    bool make_one(std::size_t port, const std::string& reader, Inventory& inventory, token::Token& token,
                  const token::TokenStatus& status);
    std::optional<Choice> choose(std::size_t port, Inventory& inventory, const token::TokenStatus& status);
    std::optional<JobRow> take_waiting(Inventory& inventory);
    void give_back(int number);
    void save(Inventory& inventory, JobRow& job, JobState state);
    void publish_crl(Inventory& inventory);
    void show(std::size_t port, const std::function<void(PortView&)>& change);
    [[nodiscard]] bool settled();
    [[nodiscard]] bool anyone_busy() const;

    const ca::Authority& authority_;
    const BenchKeys& keys_;
    const OrderFile& file_;
    const BirthRecords& births_;
    std::function<std::unique_ptr<Inventory>()> open_inventory_;
    std::function<std::unique_ptr<transport::Provider>()> make_provider_;
    TrayOptions options_;
    std::string batch_;
    std::unique_ptr<Inventory> inventory_;           // of run()'s own thread
    std::unique_ptr<transport::Provider> provider_;  // likewise

    std::vector<std::unique_ptr<Port>> ports_;
    std::set<std::string> in_use_;                     // readers
    std::map<std::string, std::uint32_t> dealt_with_;  // reader -> event at which its card was
    std::mutex mutex_;                                 // of what the threads share, from here on
    std::set<int> taken_;                              // orders that a port is admitting
    std::set<std::string> finished_readers_;           // whose work ended since the last look
    std::set<std::string> waiting_readers_;            // blank keys whose order has to wait for another
    bool look_again_ = true;
    std::mutex crl_mutex_;
    RunUsage usage_;  // `ports` under mutex_
    std::atomic<bool> stopping_{false};
};

}  // namespace sealkey::bench
