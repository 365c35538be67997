// The key's own CCID class behind a Pipe, in virtual time, with the faults that a device may have.
#pragma once

#include <deque>

#include "transport/usb/ccid_client.h"
#include "unit/usb/reader.h"

namespace sealkey::testing {

using transport::usb::Moved;
using transport::usb::PipeFault;

class DevicePipe final : public transport::usb::Pipe {
public:
    explicit DevicePipe(usb::Slot& slot) : ccid(slot) { ccid.configured(); }

    Moved out(std::span<const std::uint8_t> data, std::chrono::milliseconds wait) override {
        sent.emplace_back(data.begin(), data.end());
        if (gone) return {PipeFault::gone, 0};
        if (next_out != PipeFault::none) return {std::exchange(next_out, PipeFault::none), 0};
        std::size_t moved = 0;
        do {
            if (!take(wait)) return {PipeFault::timeout, moved};
            const auto packet = data.subspan(moved, std::min(data.size() - moved, usb::kBulkPacket));
            ccid.received(packet);
            moved += packet.size();
        } while (moved < data.size());
        return {PipeFault::none, moved};
    }

    Moved in(std::span<std::uint8_t> into, std::chrono::milliseconds wait) override {
        if (gone) return {PipeFault::gone, 0};
        if (next_in != PipeFault::none) return {std::exchange(next_in, PipeFault::none), 0};
        ByteVector transfer;
        bool whole = false;
        for (const std::uint32_t end = now + static_cast<std::uint32_t>(wait.count()); !whole;) {
            if (const auto packet = ccid.next()) {
                transfer.insert(transfer.end(), packet->begin(), packet->end());
                whole = packet->size() < usb::kBulkPacket || transfer.size() == into.size();
                ccid.sent();
            } else if (delay == 0 && ccid.run()) {
                continue;
            } else if (static_cast<std::int32_t>(end - now) <= 0) {
                break;
            } else {
                pass_time();
            }
        }
        if (whole && twist && !is_extension(transfer)) std::exchange(twist, nullptr)(transfer);
        if (transfer.size() > into.size()) return {PipeFault::failed, 0};
        std::copy(transfer.begin(), transfer.end(), into.begin());
        if (whole && is_extension(transfer)) ++extensions;
        const bool half = std::exchange(half_transfer, false);
        return {whole && !half ? PipeFault::none : PipeFault::timeout, transfer.size()};
    }

    Moved control(std::uint8_t request, std::uint16_t value, std::chrono::milliseconds) override {
        if (gone) return {PipeFault::gone, 0};
        if (request == 1) ++aborts;
        return {ccid.control({0x21, request, value, 0, 0}) ? PipeFault::none : PipeFault::stalled, 0};
    }
    void clear_halts() override {
        ++cleared;
        ccid.halt_cleared(usb::kBulkOut);
        ccid.halt_cleared(usb::kBulkIn);
    }

    usb::Ccid ccid;
    std::vector<ByteVector> sent;
    std::function<void(ByteVector&)> twist;  // changes the next answer
    PipeFault next_out = PipeFault::none;    // of the next transfer
    PipeFault next_in = PipeFault::none;
    bool half_transfer = false;  // the next answer stops, and the time runs out
    bool gone = false;
    int delay = 0;  // time extensions before a command is executed; -1: it never is
    int extensions = 0;
    int aborts = 0;
    int cleared = 0;

private:
    static bool is_extension(const ByteVector& message) { return message.size() == 10 && message[7] >> 6 == 2; }
    void pass_time() {
        const int before = extensions_asked();
        ccid.tick(now += 100);
        if (delay > 0 && extensions_asked() > before) --delay;
    }
    int extensions_asked() { return static_cast<int>(now / usb::Ccid::kExtensionInterval); }
    bool take(std::chrono::milliseconds wait) {
        for (const std::uint32_t end = now + static_cast<std::uint32_t>(wait.count()); !ccid.ready();) {
            if (static_cast<std::int32_t>(end - now) <= 0) return false;
            if (delay == 0 && ccid.run()) continue;
            pass_time();
        }
        return true;
    }
    std::uint32_t now = 0;
};

}  // namespace sealkey::testing
