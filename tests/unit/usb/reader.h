// A host and a bus for the CCID class: messages in packets, transfers that end where a short packet ends them.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <vector>

#include "usb/ccid.h"

namespace sealkey::testing {

using ByteVector = std::vector<std::uint8_t>;

// What answers the commands; it writes down what was asked of it.
class FakeCard final : public usb::Slot {
public:
    Bytes power_on() override {
        events.push_back("on");
        return mute ? Bytes{} : Bytes(atr);
    }
    void power_off() override { events.push_back("off"); }
    std::size_t transmit(Bytes command, MutableBytes response) override {
        events.push_back("command");
        commands.emplace_back(command.begin(), command.end());
        if (during) during();
        const ByteVector reply = mute ? ByteVector{} : answer(commands.back());
        if (reply.size() > response.size()) throw std::logic_error("the test's answer is too long");
        std::copy(reply.begin(), reply.end(), response.begin());
        return reply.size();
    }

    ByteVector atr{0x3B, 0x80, 0x01, 0x81};
    bool mute = false;
    std::function<ByteVector(const ByteVector&)> answer = [](const ByteVector&) { return ByteVector{0x90, 0x00}; };
    std::function<void()> during;  // called while a command runs
    std::vector<std::string> events;
    std::vector<ByteVector> commands;
};

inline ByteVector message(std::uint8_t type, std::uint8_t sequence, const ByteVector& data = {},
                          std::array<std::uint8_t, 3> parameters = {}, std::uint8_t slot = 0) {
    const auto size = static_cast<std::uint32_t>(data.size());
    ByteVector out{type};
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(size >> (8 * i)));
    out.insert(out.end(), {slot, sequence, parameters[0], parameters[1], parameters[2]});
    out.insert(out.end(), data.begin(), data.end());
    return out;
}

// A message with another dwLength than its data has.
inline ByteVector with_length(ByteVector message, std::uint32_t length) {
    for (std::size_t i = 0; i < 4; ++i) message[1 + i] = static_cast<std::uint8_t>(length >> (8 * i));
    return message;
}

// What came back. kSilence: nothing did.
struct Answer {
    int type = -1;
    int sequence = -1;
    int status = -1;
    int error = -1;
    int last = -1;
    ByteVector data;

    bool operator==(const Answer&) const = default;
};
inline const Answer kSilence{};
inline void PrintTo(const Answer& answer, std::ostream* out) {
    *out << std::hex << "type " << answer.type << " sequence " << answer.sequence << " status " << answer.status
         << " error " << answer.error << " last " << answer.last << " data(" << std::dec << answer.data.size() << ")";
    for (const int byte : answer.data) *out << ' ' << std::hex << byte;
}
inline Answer failed(int type, int sequence, int error, int card = 0) {
    return {type, sequence, 0x40 | card, error, type == 0x82 ? 1 : type == 0x81 ? (card == 0 ? 0 : 1) : 0, {}};
}

class Reader {
public:
    explicit Reader(usb::Slot& slot) : ccid(slot) {}

    // One transfer: packets of 64 bytes, the last one shorter; a host needs no empty one, since a message tells its
    // length.
    void send(Bytes bytes) {
        do {
            const std::size_t n = std::min(bytes.size(), usb::kBulkPacket);
            EXPECT_TRUE(ccid.ready());
            ccid.received(bytes.first(n));
            bytes = bytes.subspan(n);
        } while (!bytes.empty());
    }
    void run() {
        while (ccid.run()) ccid.tick(now);
    }

    // One transfer from the key, up to its short or empty packet; nothing: there is none, or it never ends.
    std::optional<ByteVector> transfer() {
        ByteVector out;
        while (const auto packet = ccid.next()) {
            EXPECT_LE(packet->size(), usb::kBulkPacket);
            EXPECT_FALSE(ccid.next()) << "a packet before the last one has left";
            const bool last = packet->size() < usb::kBulkPacket;
            out.insert(out.end(), packet->begin(), packet->end());
            ccid.sent();
            if (last) return out;
        }
        EXPECT_TRUE(out.empty()) << "a transfer without an end";
        return std::nullopt;
    }
    Answer receive() {
        const auto raw = transfer();
        if (!raw) return kSilence;
        if (raw->size() < 10) {
            ADD_FAILURE() << "a message of " << raw->size() << " bytes";
            return kSilence;
        }
        const ByteVector& m = *raw;
        const std::size_t length = m[1] | m[2] << 8 | m[3] << 16 | static_cast<std::size_t>(m[4]) << 24;
        EXPECT_EQ(length, m.size() - 10);
        return {m[0], m[6], m[7], m[8], m[9], {m.begin() + 10, m.end()}};
    }
    Answer ask(const ByteVector& bytes) {
        send(bytes);
        run();
        return receive();
    }
    std::optional<Bytes> abort(std::uint8_t sequence, std::uint8_t slot = 0) {
        return ccid.control({0x21, 1, static_cast<std::uint16_t>(sequence << 8 | slot), 0, 0});
    }
    // Time passes in steps of 100 ms.
    void wait(std::uint32_t milliseconds) {
        for (const std::uint32_t end = now + milliseconds; now != end;) ccid.tick(now += 100);
    }
    // Configured, the first slot change collected, and with power.
    void start() {
        ccid.configured();
        (void)ccid.next_event();
        ccid.event_sent();
        EXPECT_EQ(ask(message(0x62, 0)).type, 0x80);
    }

    usb::Ccid ccid;
    std::uint32_t now = 0xFFFFF000;  // wraps in every longer test
};

}  // namespace sealkey::testing
