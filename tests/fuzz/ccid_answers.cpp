// What a USB device may answer to our CCID client: only TransportError comes out, a command is never sent twice, and an
// endless device is left.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "transport/usb/ccid_client.h"

using namespace sealkey::transport;
using namespace sealkey::transport::usb;

namespace {

constexpr char kPin[] = "739155";

// Each transfer is the next piece of the input: what happens (1), length (1), then that many bytes, whose sequence
// number is made right where the device is to be believed.
class Script final : public Pipe {
public:
    explicit Script(ByteView rest) : rest_(rest) {}
    Moved out(ByteView data, std::chrono::milliseconds) override {
        sequence_ = data[6];
        if (data[0] == static_cast<std::uint8_t>(Command::transfer)) {
            const auto* pin = reinterpret_cast<const std::uint8_t*>(kPin);
            const bool secret = std::search(data.begin(), data.end(), pin, pin + 6) != data.end();
            if (secret && ++pins_sent_ > 1) std::abort();
        }
        if (rest_.empty() || rest_[0] < 0xF8) return {PipeFault::none, data.size()};
        const Moved moved{static_cast<PipeFault>(rest_[0] % 5), data.size() / 2};
        rest_ = rest_.subspan(1);
        return moved;
    }
    Moved in(std::span<std::uint8_t> into, std::chrono::milliseconds) override {
        if (rest_.size() < 2) return {PipeFault::timeout, 0};
        const std::uint8_t how = rest_[0];
        const std::size_t size = std::min<std::size_t>({rest_[1], rest_.size() - 2, into.size()});
        std::copy_n(rest_.begin() + 2, size, into.begin());
        rest_ = rest_.subspan(2 + size);
        if ((how & 1) != 0 && size > 6) into[6] = sequence_;
        if ((how & 2) != 0 && size >= kHeaderSize) {
            std::fill_n(into.begin() + 1, 5, std::uint8_t{0});
            into[1] = static_cast<std::uint8_t>(size - kHeaderSize);
        }
        return {(how & 0xE0) == 0xE0 ? static_cast<PipeFault>(how % 5) : PipeFault::none, size};
    }
    Moved control(std::uint8_t, std::uint16_t, std::chrono::milliseconds) override { return {}; }
    void clear_halts() override {}

private:
    ByteView rest_;
    std::uint8_t sequence_ = 0;
    int pins_sent_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView all(data, size);
    (void)parse_class_descriptor(all);
    const Parsed parsed = parse_answer(all);
    if (parsed.fault == MessageFault::none && parsed.answer.data.size() + kHeaderSize != size) std::abort();
    if (size < 1) return 0;
    Script script(all.subspan(1));
    // A message as short as there may be, so that commands go in parts.
    CcidClient client(script, {(data[0] & 1) != 0, kHeaderSize + 261},
                      {std::chrono::milliseconds(10), std::chrono::milliseconds(10), std::chrono::milliseconds(10)});
    const auto attempt = [](auto action) {
        try {
            action();
        } catch (const TransportError&) {
        }
    };
    attempt([&] { client.synchronise(); });
    attempt([&] { (void)client.power_on(); });
    ByteVector verify(13);
    std::memcpy(&verify[5], kPin, 6);
    attempt([&] {
        if (client.transmit(verify).size() < 2) std::abort();
    });
    attempt([&] { (void)client.transmit(ByteVector(700)); });
    attempt([&] { client.power_off(); });
    return 0;
}
