// The whole token: a sequence of commands from the input, through one of six doors (support/hostile_host.h).
#include "support/hostile_host.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static sealkey::testing::HostileHost host;
    host.run({data, size});
    return 0;
}
