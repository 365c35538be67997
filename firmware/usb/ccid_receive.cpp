// Messages come in, packet by packet.
#include <algorithm>

#include "usb/ccid.h"
#include "usb/rules.h"

namespace sealkey::usb {

void Ccid::received(Bytes packet) {
    settle();
    if (!ready() || packet.size() > kBulkPacket) return;
    heard_ = true;
    switch (receiving_) {
        case Receiving::nothing:
            begin_message(packet);
            break;
        case Receiving::message:
            // Its sender has gone, and this is another's: the rest of the old message would be longer.
            if (packet.size() < header_.length - taken_ && is_whole_message(packet)) {
                drop_message();
                begin_message(packet);
            } else {
                continue_message(packet, packet);
            }
            break;
        case Receiving::surplus:
            if (packet.size() < kBulkPacket) message_done();
            break;
    }
    settle();
}

Ccid::Header Ccid::parse(Bytes packet) {
    std::array<std::uint8_t, kHeaderSize> raw{};
    std::copy_n(packet.begin(), std::min(packet.size(), raw.size()), raw.begin());
    return {Command(raw[0]),
            protocol::ccid::load_le32(&raw[offset::length]),
            raw[offset::slot],
            raw[offset::sequence],
            {raw[7], raw[8], raw[9]}};
}

bool Ccid::is_whole_message(Bytes packet) {
    if (packet.size() < kHeaderSize || packet.size() == kBulkPacket) return false;
    const Header header = parse(packet);
    return rule_of(header.type).command == header.type && header.slot == 0 &&
           header.length == packet.size() - kHeaderSize;
}

// An empty packet ends the message before. Without a sequence number there is nothing to answer.
void Ccid::begin_message(Bytes packet) {
    if (packet.size() <= offset::sequence) return;
    header_ = parse(packet);
    taken_ = 0;
    fault_ = 0;
    choose_place();
    if (packet.size() < kHeaderSize) {
        fault_ = offset::length;
        message_done();
        return;
    }
    receiving_ = Receiving::message;
    continue_message(packet, packet.subspan(kHeaderSize));
}

// Data goes to command_ only while that is this side's, and only where it can be used.
void Ccid::choose_place() {
    const Rule& rule = rule_of(header_.type);
    stored_ = false;
    if (!chaining_) chain_too_long_ = false;
    if (header_.length > rule.longest) fault_ = offset::length;
    if (header_.type != Command::transfer || fault_ != 0 || awaited_ || !active_) return;
    const Level level = header_.level();
    if (level == Level::whole || level == Level::first) {
        if (command_used_ > 0) end_chain();
        chaining_ = false;
        chain_too_long_ = false;
        stored_ = true;
    } else if (chaining_) {
        chain_too_long_ = chain_too_long_ || header_.length > kMaxCommand - chained_;
        stored_ = !chain_too_long_;
    }
}

// `data` is what the packet brings for the message's data.
void Ccid::continue_message(Bytes packet, Bytes data) {
    const std::size_t n = std::min<std::size_t>(data.size(), header_.length - taken_);
    if (stored_ && n > 0) {
        std::memcpy(command_.data() + chained_ + taken_, data.data(), n);
        command_used_ = std::max<std::size_t>(command_used_, chained_ + taken_ + n);
    }
    if (header_.type == Command::set_parameters && fault_ == 0 && n > 0) {
        std::memcpy(wanted_parameters_.data() + taken_, data.data(), n);
    }
    taken_ += static_cast<std::uint32_t>(n);
    const bool full_packet = packet.size() == kBulkPacket;
    if (n < data.size()) {
        fault_ = offset::length;
        receiving_ = Receiving::surplus;
        if (!full_packet) message_done();
    } else if (taken_ == header_.length) {
        message_done();
    } else if (!full_packet) {
        fault_ = offset::length;
        message_done();
    }
}

void Ccid::message_done() {
    receiving_ = Receiving::nothing;
    held_ = true;
}

void Ccid::forget_stalled_message(std::uint32_t now) {
    if (receiving_ == Receiving::nothing || heard_) {
        heard_ = false;
        last_packet_ = now;
    } else if (now - last_packet_ >= kHalfMessageTimeout) {
        drop_message();
    }
}

}  // namespace sealkey::usb
