#include "bench/parcel.h"

#include <algorithm>
#include <set>

#include "bench/job_book.h"
#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

constexpr char kScanMark[] = "SEALKEY:1:";
constexpr std::size_t kSerialLength = 12;
constexpr char kFinishedStep[] = "done";

void require_reason(const std::string& why) {
    if (why.find_first_not_of(" \t\r\n") == std::string::npos)
        throw CaError(Fault::policy, mark("This needs its reason in words."));
}

std::string digits_of(const std::string& day) {
    std::string out;
    std::copy_if(day.begin(), day.end(), std::back_inserter(out), [](char c) { return c >= '0' && c <= '9'; });
    return out;
}

}  // namespace

std::string label_text(const TokenRow& row, const std::string& valid_until) {
    return kScanMark + row.serial + ":" + row.unified_code + ":" + digits_of(valid_until) + ":" +
           std::to_string(row.key_number);
}

std::string serial_of_scan(const std::string& text) {
    std::string serial = text;
    if (serial.rfind(kScanMark, 0) == 0) {
        serial = serial.substr(sizeof kScanMark - 1);
        const auto colon = serial.find(':');
        if (colon == std::string::npos) serial.clear();
        serial = serial.substr(0, colon);
    }
    const bool good = serial.size() == kSerialLength && std::all_of(serial.begin(), serial.end(), [](char c) {
                          return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
                      });
    if (!good)
        throw CaError(Fault::bad_argument, mark("\"%1\" is neither a serial number nor a label's code."), {text});
    return serial;
}

void move_keys(Inventory& inventory, const std::string& operator_name, const std::vector<std::string>& serials,
               TokenEvent event, const std::string& note) {
    Inventory::Work work(inventory, operator_name);
    std::set<std::string> seen;
    for (const std::string& serial : serials) {
        if (!seen.insert(serial).second) throw CaError(Fault::bad_argument, mark("Key %1 is named twice."), {serial});
        const TokenRow row = inventory.token(serial);
        if (!may_happen(row.state, event)) {
            throw CaError(Fault::policy, mark("Key %1 is %2: \"%3\" isn't possible. What may happen to it: %4."),
                          {serial, name_of(row.state), name_of(event), events_after(row.state)});
        }
        if (row.step != kFinishedStep) {
            throw CaError(Fault::policy, mark("Key %1 isn't finished (%2): it doesn't leave the bench."),
                          {serial, row.step});
        }
        work.set_state(serial, target_of(event), note.empty() ? name_of(event) : note);
    }
    work.commit();
}

void report_damaged(Inventory& inventory, const std::string& operator_name, const std::string& serial,
                    const std::string& why) {
    require_reason(why);
    Inventory::Work work(inventory, operator_name);
    work.set_state(serial, TokenState::damaged, why);
    work.commit();
}

int give_up(Inventory& inventory, const std::string& operator_name, const std::string& serial, const std::string& why) {
    require_reason(why);
    Inventory::Work work(inventory, operator_name);
    const TokenRow row = inventory.token(serial);
    if (row.step == kFinishedStep || row.step == kGivenUp) {
        throw CaError(Fault::policy,
                      row.step == kGivenUp
                          ? mark("Key %1 was given up before.")
                          : mark("Key %1 is finished: revoke it, or order its replacement, instead of giving it up."),
                      {serial});
    }
    const int count = work.revoke_certificates(serial, "cessationOfOperation", ca::now());
    if (row.state != TokenState::revoked) work.set_state(serial, TokenState::revoked, why);
    work.set_step(serial, kGivenUp);
    const Order order = order_of_json(nlohmann::json::parse(row.order_text));
    // A replacement's name belongs to the key before, and stays taken.
    if (order.kind != "replacement") work.free_login_name(row.login_name);
    JobBook book(inventory);
    if (auto job = book.job_of_token(serial)) {
        job->token.clear();
        job->step.clear();
        job->port.clear();
        job->message.clear();
        book.update(work, *job, JobState::waiting);
    }
    work.audit("give-up", serial, {{"why", why}, {"certificates", count}, {"login_name", row.login_name}});
    work.commit();
    return count;
}

}  // namespace sealkey::bench
