// USB/IP: however a stream is cut into pieces, the same requests come out; and whatever a host asks of the device, each
// transfer is answered at most once and no answer is longer than was asked for.
#include <algorithm>
#include <cstdlib>
#include <set>

#include "usb_device.h"
#include "usbip_protocol.h"

using namespace sealkey;
using namespace sealkey::sim;

namespace {

void require(bool good) {
    if (!good) std::abort();
}

class Card final : public usb::Slot {
public:
    Bytes power_on() override { return kAtr; }
    void power_off() override {}
    std::size_t transmit(Bytes command, MutableBytes response) override {
        const std::size_t size = command.empty() ? 0 : std::min<std::size_t>(command[0] * 16U, response.size());
        std::fill_n(response.begin(), size, 0x5A);
        return size;
    }

private:
    static constexpr std::uint8_t kAtr[] = {0x3B, 0x80, 0x01, 0x81};
};

// What the server does with each request, without its sockets.
class Server {
public:
    explicit Server(bool imported) {
        if (imported) reader.imported();
        device_.reset("0123456789AB");
    }

    void answer(const UsbipRequest& request) {
        if (const auto* wanted = std::get_if<UsbipImportRequest>(&request)) {
            require(wanted->bus_id.size() <= kUsbipBusIdSize);
            reader.imported();
        }
        if (const auto* submit = std::get_if<UsbipSubmit>(&request)) {
            if (!waiting_.insert(submit->sequence).second) return;  // a host never uses a number twice at once
            UsbTransfer transfer;
            transfer.id = submit->sequence;
            transfer.endpoint = static_cast<std::uint8_t>(submit->endpoint | (submit->in ? 0x80 : 0));
            transfer.length = submit->length;
            transfer.end_by_empty_packet = (submit->flags & kUsbipZeroPacket) != 0;
            transfer.setup = submit->setup;
            transfer.data = submit->data;
            device_.submit(transfer);
        }
        if (const auto* unlink = std::get_if<UsbipUnlink>(&request)) {
            if (device_.cancel(unlink->victim)) require(waiting_.erase(unlink->victim) == 1);
        }
        pump();
        while (ccid_.run()) {
            ccid_.tick(now_ += 100);
            pump();
        }
    }

    UsbipReader reader;

private:
    void pump() {
        for (const UsbTransfer& done : device_.pump()) {
            require(waiting_.erase(done.id) == 1);
            require(done.state != UsbTransfer::State::waiting);
            if ((done.endpoint & 0x80) != 0) require(done.data.size() <= done.length);
            const Bytes data = (done.endpoint & 0x80) != 0 ? Bytes(done.data) : Bytes();
            require(usbip_submitted(done.id, 0, done.taken, data).size() == 48 + data.size());
        }
    }

    Card card_;
    usb::Ccid ccid_{card_};
    UsbDevice device_{ccid_};
    std::set<std::uint32_t> waiting_;
    std::uint32_t now_ = 0;
};

}  // namespace

// First byte: the longest piece that a read delivers, and whether the device is imported already. The rest: the stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 1) return 0;
    const Bytes stream(data + 1, size - 1);
    const std::size_t piece = std::size_t{data[0] & 0x7FU} + 1;
    Server server((data[0] & 0x80) != 0);
    std::size_t requests = 0;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        server.reader.feed(stream.subspan(at, std::min(piece, stream.size() - at)));
        while (const auto request = server.reader.next()) {
            ++requests;
            server.answer(*request);
        }
    }
    UsbipReader whole;
    if ((data[0] & 0x80) != 0) whole.imported();
    whole.feed(stream);
    std::size_t same = 0;
    while (const auto request = whole.next()) {
        ++same;
        if (std::holds_alternative<UsbipImportRequest>(*request)) whole.imported();
    }
    require(requests == same);
    return 0;
}
