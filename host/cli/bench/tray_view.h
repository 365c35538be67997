// How a tray stands: on a terminal a table with a bar for each port, elsewhere a line for each change.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "bench/tray.h"
#include "cli/common/output.h"

namespace sealkey::cli {

class TrayView {
public:
    // `orders`: how many there are in all.
    TrayView(const Output& out, std::size_t ports, std::size_t orders);
    ~TrayView();
    TrayView(const TrayView&) = delete;
    TrayView& operator=(const TrayView&) = delete;

    void changed(std::size_t port, const bench::PortView& view);  // from any thread
    void tick();                                                  // draws, if there is something new

private:
    [[nodiscard]] std::string line(std::size_t port) const;
    void draw();  // holds the lock

    const Output& out_;
    bool live_;
    std::size_t orders_;
    std::mutex mutex_;
    std::vector<bench::PortView> ports_;
    bool stale_ = true;
    bool drawn_ = false;
};

}  // namespace sealkey::cli
