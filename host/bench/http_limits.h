// What the bench's two small servers allow a client.
#pragma once

namespace sealkey::bench {

inline constexpr int kServerThreads = 4;
inline constexpr int kServerSeconds = 15;  // for a message to come in, and for its answer to go out

}  // namespace sealkey::bench
