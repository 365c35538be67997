// A USB host that sends any packets and requests in any order: whatever it does, transfers are whole messages, the card
// sees commands only while it has power, and after a bus reset the reader works.
#include "usb/ccid.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

using namespace sealkey;

namespace {

void require(bool good) {
    if (!good) std::abort();
}

class Card final : public usb::Slot {
public:
    Bytes power_on() override {
        powered = true;
        return kAtr;
    }
    void power_off() override { powered = false; }
    std::size_t transmit(Bytes command, MutableBytes response) override {
        require(powered && command.size() <= usb::Ccid::kMaxCommand);
        // Of every length, and sometimes mute.
        const std::size_t size = command.empty() ? 0 : std::min<std::size_t>(command[0] * 16U, response.size());
        std::fill_n(response.begin(), size, command.empty() ? 0 : command.back());
        return size;
    }

    static constexpr std::uint8_t kAtr[] = {0x3B, 0x80, 0x01, 0x81};
    bool powered = false;
};

class Host {
public:
    Host() { reader_.configured(); }

    // One byte says what is done; what that takes follows.
    void act(Bytes& input) {
        const std::uint8_t action = take(input);
        if (action <= 64) return send(take(input, action));
        switch (action) {
            case 65:
                (void)reader_.run();
                break;
            case 66:
                collect();
                break;
            case 67:
                reader_.tick(now_ += 100);
                break;
            case 68:
                reader_.reset();
                transfer_.clear();
                reader_.configured();
                break;
            case 69:
                reader_.suspended();
                cut();
                reader_.resumed();
                (void)reader_.next_event();
                reader_.event_sent();
                break;
            case 70:
                abort(take(input));
                break;
            case 71:
                reader_.halt_cleared(usb::kBulkOut);
                break;
            case 72:
                control(input);
                break;
            default:
                message(action, input);
                break;
        }
    }

    void end() {
        reader_.reset();
        transfer_.clear();
        reader_.configured();
        const std::uint8_t power_on[usb::Ccid::kHeaderSize] = {0x62};
        require(reader_.ready());
        reader_.received(power_on);
        while (reader_.run()) reader_.tick(now_);
        const auto packet = reader_.next();
        require(packet && packet->size() == usb::Ccid::kHeaderSize + sizeof Card::kAtr && (*packet)[7] == 0);
        require(card_.powered);
    }

private:
    static std::uint8_t take(Bytes& input) {
        if (input.empty()) return 0;
        const std::uint8_t byte = input[0];
        input = input.subspan(1);
        return byte;
    }
    static Bytes take(Bytes& input, std::size_t size) {
        const Bytes out = input.first(std::min(size, input.size()));
        input = input.subspan(out.size());
        return out;
    }

    void send(Bytes packet) {
        if (reader_.ready()) reader_.received(packet);
    }
    // A well-formed message: type, wLevelParameter, length, data.
    void message(std::uint8_t type, Bytes& input) {
        const std::uint8_t level = take(input);
        const Bytes data = take(input, take(input));
        std::vector<std::uint8_t> out{type, static_cast<std::uint8_t>(data.size()), 0, 0, 0, 0, sequence_++, 1, level,
                                      0};
        if (type == 0x62) out[7] = 0;
        out.insert(out.end(), data.begin(), data.end());
        for (std::size_t at = 0; at < out.size(); at += 64)
            send(Bytes(out).subspan(at, std::min<std::size_t>(64, out.size() - at)));
    }
    void abort(std::uint8_t sequence) {
        (void)reader_.control({0x21, 1, static_cast<std::uint16_t>(sequence << 8), 0, 0});
        cut();
    }
    // What was being collected may end here, in the middle.
    void cut() {
        transfer_.clear();
        cut_ = true;
    }
    void control(Bytes& input) {
        const std::uint8_t type = take(input);
        const std::uint8_t request = take(input);
        const auto answer = reader_.control({type, request, take(input), take(input), take(input)});
        if (type == 0x21 && answer) cut();
        require(!answer || answer->size() <= 4);
    }
    // One packet; at the end of a transfer it must be a whole message.
    void collect() {
        const auto packet = reader_.next();
        if (!packet) return;
        require(packet->size() <= usb::kBulkPacket && !reader_.next());
        transfer_.insert(transfer_.end(), packet->begin(), packet->end());
        reader_.sent();
        if (packet->size() == usb::kBulkPacket) return;
        if (!cut_) {
            require(transfer_.size() >= usb::Ccid::kHeaderSize && transfer_[0] >= 0x80 && transfer_[0] <= 0x84);
            require(transfer_.size() == usb::Ccid::kHeaderSize + transfer_[1] + (std::size_t{transfer_[2]} << 8));
        }
        cut_ = false;
        transfer_.clear();
    }

    Card card_;
    usb::Ccid reader_{card_};
    std::uint32_t now_ = 0;
    std::uint8_t sequence_ = 0;
    std::vector<std::uint8_t> transfer_;
    bool cut_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Host host;
    Bytes input(data, size);
    while (!input.empty()) host.act(input);
    host.end();
    return 0;
}
