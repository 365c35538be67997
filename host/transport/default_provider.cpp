#include <cstdlib>

#include "transport/transport.h"

namespace sealkey::transport {

std::unique_ptr<Provider> make_default_provider() {
    const char* sockets = ::secure_getenv("SEALKEY_SIM_SOCKETS");
    if (sockets == nullptr || *sockets == '\0') return make_pcsc_provider();
    std::vector<std::string> paths;
    std::string path;
    for (const char* p = sockets;; ++p) {
        if (*p != '\0' && *p != ':') {
            path += *p;
            continue;
        }
        if (!path.empty()) paths.push_back(path);
        path.clear();
        if (*p == '\0') break;
    }
    return make_simulator_provider(std::move(paths));
}

}  // namespace sealkey::transport
