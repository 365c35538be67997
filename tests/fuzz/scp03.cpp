// The secure channel's token side: whatever comes wrapped, nothing but what the session's keys have MACed is taken, the
// bytes stay inside their buffer, and a refusal closes the channel. One input in four is MACed rightly by the harness,
// so that the deciphering and its padding are reached too.
#include <cstdlib>
#include <vector>

#include "channel/scp03.h"
#include "crypto/cmac.h"

namespace {

using namespace sealkey;

constexpr std::size_t kHeader = 5;
const std::vector<std::uint8_t> kHostChallenge(8, 0x5A);
const channel::Challenge kCardChallenge{1, 2, 3, 4, 5, 6, 7, 8};

struct Opened {
    channel::Scp03 session;
    std::vector<std::uint8_t> mac_key;
    crypto::Mac chaining{};
};

void mac_over(Opened& opened, Bytes header, std::vector<std::uint8_t>& data) {
    std::vector<std::uint8_t> head(header.begin(), header.end());
    const std::size_t length = data.size() + 8;
    if (length > 255) head.insert(head.end(), {0, static_cast<std::uint8_t>(length >> 8)});
    head.push_back(static_cast<std::uint8_t>(length));
    opened.chaining = *crypto::cmac(opened.mac_key, {opened.chaining, head, data});
    data.insert(data.end(), opened.chaining.begin(), opened.chaining.begin() + 8);
}

void open(Opened& opened, std::uint8_t level) {
    channel::Keys keys;
    const std::vector<std::uint8_t> key(16, 0x40);
    for (auto* each : {&keys.enc, &keys.mac, &keys.dek}) each->assign(key);
    std::vector<std::uint8_t> context = kHostChallenge;
    context.insert(context.end(), kCardChallenge.begin(), kCardChallenge.end());
    if (!opened.session.begin(keys, kHostChallenge, kCardChallenge)) std::abort();
    opened.mac_key.resize(16);
    if (!channel::derive(key, 0x06, context, opened.mac_key)) std::abort();
    std::vector<std::uint8_t> data(8);
    if (!channel::derive(opened.mac_key, 0x01, context, data)) std::abort();
    const std::uint8_t header[] = {0x84, 0x82, level, 0};
    mac_over(opened, header, data);
    if (opened.session.authenticate({0x84, 0x82, level, 0}, data) != 0x9000) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < kHeader) return 0;
    constexpr std::uint8_t levels[] = {0x01, 0x03, 0x11, 0x13, 0x33};
    Opened opened;
    open(opened, levels[(data[0] >> 2) % 5]);
    const bool honest = (data[0] & 3) == 0;
    const Bytes header(data + 1, 4);
    std::vector<std::uint8_t> body(data + kHeader, data + size);
    if (honest) mac_over(opened, header, body);
    const auto plain = opened.session.unwrap({header[0], header[1], header[2], header[3]}, body);
    if (plain.ok() != opened.session.open()) std::abort();
    if (!plain) {
        if (opened.session.challenged()) std::abort();
        return 0;
    }
    if (!honest || *plain > size - kHeader) std::abort();
    // The answer to it: as much again, wrapped inside its buffer.
    std::vector<std::uint8_t> answer(*plain + channel::Scp03::kWrapRoom);
    const auto wrapped = opened.session.wrap(0x9000, answer, *plain);
    if (!wrapped || *wrapped > answer.size()) std::abort();
    return 0;
}
