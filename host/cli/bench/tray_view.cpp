#include "cli/bench/tray_view.h"

#include <unistd.h>

#include <cstdio>

#include "cli/bench/step_text.h"
#include "cli/common/i18n.h"

namespace sealkey::cli {

namespace {

constexpr std::size_t kBar = 16;

// What was begun counts as half done, so that a bar moves at once.
std::string bar(const bench::PortView& view) {
    constexpr std::size_t all = 2 * (static_cast<std::size_t>(bench::Step::done) + 1);
    std::size_t done = 0;
    if (view.order != 0) done = 2 * static_cast<std::size_t>(view.step) + 1;
    if (view.phase == bench::PortPhase::finished) done = all;
    const std::size_t filled = kBar * done / all;
    return "[" + std::string(filled, '#') + std::string(kBar - filled, '-') + "]";
}

std::string state_text(const bench::PortView& view) {
    switch (view.phase) {
        case bench::PortPhase::empty:
            return tr("put a key in");
        case bench::PortPhase::finished:
            return tr("finished: take it out");
        case bench::PortPhase::stopped:
            return view.message.empty() ? tr("stopped") : fill(tr("stopped: %1"), {printable(view.message)});
        case bench::PortPhase::working:
            break;
    }
    return step_text(view.step);
}

}  // namespace

TrayView::TrayView(const Output& out, std::size_t ports, std::size_t orders)
    : out_(out), live_(!out.json() && ::isatty(STDOUT_FILENO) == 1), orders_(orders), ports_(ports) {}

TrayView::~TrayView() { tick(); }

std::string TrayView::line(std::size_t port) const {
    const bench::PortView& view = ports_[port];
    std::string text = fill(tr("port %1"), {std::to_string(port + 1)});
    if (view.order != 0) text += "  " + std::to_string(view.order) + "/" + std::to_string(orders_);
    if (!view.serial.empty()) text += "  " + view.serial;
    if (!view.login_name.empty()) text += "  " + printable(view.login_name);
    return text + "  " + state_text(view);
}

void TrayView::changed(std::size_t port, const bench::PortView& view) {
    const std::lock_guard lock(mutex_);
    ports_[port] = view;
    stale_ = true;
    if (live_ || out_.json()) return;
    out_.say(line(port));
    std::fflush(stdout);
}

void TrayView::tick() {
    const std::lock_guard lock(mutex_);
    if (live_ && stale_) draw();
}

void TrayView::draw() {
    stale_ = false;
    std::string text;
    if (drawn_) text = "\033[" + std::to_string(ports_.size()) + "A";
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        // No line may be broken by the terminal: the cursor would come back to the wrong one.
        text += "\r\033[K\033[?7l" + bar(ports_[i]) + "  " + line(i) + "\033[?7h\n";
    }
    drawn_ = true;
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
}

}  // namespace sealkey::cli
