#include "iso7816/apdu.h"

namespace sealkey::iso7816 {

namespace {

constexpr std::size_t kHeaderSize = 4;
constexpr std::uint32_t kShortLeAll = 256;
constexpr std::uint32_t kExtendedLeAll = 65536;

// After the header and the 00 that says "extended": Le(2), or Lc(2) data [Le(2)].
bool parse_extended(Bytes rest, Command& out) {
    out.extended = true;
    if (rest.size() < 2) return false;
    const std::size_t first = load_be16(rest.data());
    if (rest.size() == 2) {
        out.le = first == 0 ? kExtendedLeAll : static_cast<std::uint32_t>(first);
        return true;
    }
    if (first == 0) return false;
    const Bytes body = rest.subspan(2);
    if (body.size() != first && body.size() != first + 2) return false;
    out.data = body.first(first);
    if (body.size() == first + 2) {
        const std::uint16_t le = load_be16(body.data() + first);
        out.le = le == 0 ? kExtendedLeAll : le;
    }
    return true;
}

// After the header: Le(1), or Lc(1) data [Le(1)].
bool parse_short(Bytes rest, Command& out) {
    const std::size_t first = rest[0];
    if (rest.size() == 1) {
        out.le = first == 0 ? kShortLeAll : static_cast<std::uint32_t>(first);
        return true;
    }
    const Bytes body = rest.subspan(1);
    if (body.size() != first && body.size() != first + 1) return false;
    out.data = body.first(first);
    if (body.size() == first + 1) out.le = body[first] == 0 ? kShortLeAll : body[first];
    return true;
}

}  // namespace

Result<Command, StatusWord> parse_command(Bytes raw) {
    if (raw.size() < kHeaderSize) return protocol::sw::wrong_length;
    Command command;
    command.header = {raw[0], raw[1], raw[2], raw[3]};
    const Bytes rest = raw.subspan(kHeaderSize);
    if (rest.empty()) return command;
    const bool good =
        rest[0] == 0 && rest.size() > 1 ? parse_extended(rest.subspan(1), command) : parse_short(rest, command);
    if (!good) return protocol::sw::wrong_length;
    return command;
}

}  // namespace sealkey::iso7816
