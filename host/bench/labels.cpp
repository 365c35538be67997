#include "bench/labels.h"

#include <algorithm>
#include <map>
#include <set>

#include "bench/job_book.h"
#include "bench/parcel.h"
#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

constexpr char kLabelAction[] = "label";

std::string day_part(const std::string& iso) { return iso.substr(0, 10); }

Label label_of(Inventory& inventory, const TokenRow& row, const LabelWords& words) {
    if (row.step != "done") {
        throw CaError(Fault::policy, mark("Key %1 isn't finished (%2): it gets its label when it is."),
                      {row.serial, row.step});
    }
    if (!counts_as_live(row.state) || row.state == TokenState::lost || row.state == TokenState::damaged) {
        throw CaError(Fault::policy, mark("Key %1 is %2: it gets no label."), {row.serial, name_of(row.state)});
    }
    // On hold it still has its date.
    std::string until;
    for (const CertificateRow& one : inventory.certificates_of(row.serial)) {
        if (one.slot == "9C" && (one.revoked_at.empty() || one.reason == ca::kHold)) until = day_part(one.not_after);
    }
    if (until.empty()) {
        throw CaError(Fault::policy, mark("Key %1 has no certificate that is valid: it gets no label."), {row.serial});
    }
    const Order order = order_of_json(nlohmann::json::parse(row.order_text));
    Label label;
    label.name = order.enterprise_name;
    label.serial = row.serial;
    label.lines.push_back({words.valid_until, until});
    if (!order.authorised_user.empty()) label.lines.push_back({words.holder, order.authorised_user});
    label.code = label_text(row, until);
    return label;
}

std::map<std::string, int> labels_printed(Inventory& inventory) {
    std::map<std::string, int> printed;
    for (const AuditRow& row : inventory.audit_rows()) {
        if (row.action == kLabelAction) ++printed[row.subject];
    }
    return printed;
}

}  // namespace

std::vector<std::string> unpacked_keys(Inventory& inventory) {
    std::vector<std::string> serials;
    for (const TokenRow& row : inventory.tokens()) {
        if (row.state == TokenState::personalised && row.step == "done") serials.push_back(row.serial);
    }
    return serials;
}

std::vector<std::string> finished_keys_of(Inventory& inventory, const std::string& batch) {
    const auto jobs = JobBook(inventory).jobs(batch);
    if (jobs.empty()) throw CaError(Fault::unknown, mark("The inventory has no tray of orders %1."), {batch});
    std::vector<std::string> serials;
    for (const JobRow& job : jobs) {
        if (job.state != JobState::done) continue;
        const TokenState state = inventory.token(job.token).state;
        if (state == TokenState::personalised || state == TokenState::packed) serials.push_back(job.token);
    }
    return serials;
}

MadeLabels make_labels(Inventory& inventory, const std::vector<std::string>& serials, const LabelWords& words,
                       LabelSheet sheet) {
    MadeLabels made;
    std::vector<Label> labels;
    std::set<std::string> seen;
    const auto printed = labels_printed(inventory);
    for (const std::string& serial : serials) {
        if (!seen.insert(serial).second) throw CaError(Fault::bad_argument, mark("Key %1 is named twice."), {serial});
        const TokenRow row = inventory.token(serial);
        labels.push_back(label_of(inventory, row, words));
        // Not the time of printing: the same labels again are the same file.
        sheet.created = std::max(sheet.created, row.created_at);
        made.reprinted += printed.count(serial) != 0 ? 1 : 0;
    }
    made.pdf = draw_labels(labels, sheet);
    return made;
}

void note_labels(Inventory& inventory, const std::string& operator_name, const std::vector<std::string>& serials) {
    Inventory::Work work(inventory, operator_name);
    auto printed = labels_printed(inventory);
    for (const std::string& serial : serials) {
        const int number = ++printed[serial];
        work.audit(kLabelAction, serial, {{"number", number}, {"reprint", number > 1}});
    }
    work.commit();
}

}  // namespace sealkey::bench
