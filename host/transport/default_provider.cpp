#include <ranges>

#include "transport/settings.h"
#include "transport/transport.h"

namespace sealkey::transport {

std::unique_ptr<Provider> make_default_provider() {
    const std::string_view sockets = simulator_sockets_setting();
    if (sockets.empty()) return make_pcsc_provider();
    std::vector<std::string> paths;
    for (const auto part : std::views::split(sockets, ':')) {
        if (!part.empty()) paths.emplace_back(part.begin(), part.end());
    }
    return make_simulator_provider(std::move(paths));
}

}  // namespace sealkey::transport
