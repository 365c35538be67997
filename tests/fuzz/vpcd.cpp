// vpcd framing: however a stream is cut into pieces, the same bodies come out, and they are the stream's own bytes.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "vpcd_frame.h"

using namespace sealkey;

// First byte: the longest piece that a read delivers. The rest: the stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const Bytes stream(data + 1, size - 1);
    const std::size_t piece = std::size_t{data[0]} + 1;

    sim::VpcdFrameReader whole;
    whole.feed(stream);
    sim::VpcdFrameReader pieces;
    std::vector<std::vector<std::uint8_t>> from_pieces;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        pieces.feed(stream.subspan(at, std::min(piece, stream.size() - at)));
        while (auto body = pieces.next()) from_pieces.push_back(std::move(*body));
    }
    std::size_t used = 0;
    for (const auto& body : from_pieces) {
        const auto same = whole.next();
        if (!same || *same != body) std::abort();
        const auto frame = sim::vpcd_frame(body);
        if (!equal(frame, stream.subspan(used, frame.size()))) std::abort();
        used += frame.size();
        if (const auto control = sim::vpcd_control(body); control && static_cast<std::uint8_t>(*control) != body[0]) {
            std::abort();
        }
    }
    if (whole.next() || used + whole.pending() != stream.size() || pieces.pending() != whole.pending()) std::abort();
    return 0;
}
