// What the bench's two small servers allow a client.
#pragma once

namespace sealkey::bench {

inline constexpr int kServerThreads = 4;
inline constexpr int kOrdersAtOnce = kServerThreads / 2;  // at a key centre, so that there is always one for others
inline constexpr int kServerSeconds = 15;                 // for a message to come in, and for its answer to go out

}  // namespace sealkey::bench
