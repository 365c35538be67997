#include <algorithm>

#include "transport/settings.h"
#include "transport/transport.h"

namespace sealkey::transport {

std::unique_ptr<Provider> make_default_provider(Links links) {
    std::string_view rest = simulator_sockets_setting();
    if (rest.empty()) return make_pcsc_provider(links);
    std::vector<std::string> paths;
    while (!rest.empty()) {
        const auto path = rest.substr(0, rest.find(':'));
        if (!path.empty()) paths.emplace_back(path);
        rest.remove_prefix(std::min(path.size() + 1, rest.size()));
    }
    return make_simulator_provider(std::move(paths));
}

}  // namespace sealkey::transport
