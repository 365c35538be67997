// Whole messages are dealt with; the thread executes what takes long.
#include <algorithm>

#include "usb/ccid.h"
#include "usb/rules.h"

namespace sealkey::usb {

namespace {

using protocol::ccid::Chain;
using protocol::ccid::kProtocolT1;

constexpr std::uint8_t kLastPowerSelect = 3;  // by itself, 5 V, 3 V, 1.8 V
constexpr std::uint8_t kTooLong[] = {0x67, 0x00};

}  // namespace

void Ccid::settle() {
    if (awaited_ && finished_.load(std::memory_order_acquire) == posted_.load(std::memory_order_relaxed)) take_result();
    if (!awaited_ && power_off_due_) {
        power_off_due_ = false;
        post(Work::power_off);
        dropped_ = true;
    }
    if (!awaited_ && abort_answer_ && notice_free()) {
        queue_notice(*abort_answer_, {}, {});
        abort_answer_.reset();
    }
    if (held_) process();
}

// Whatever needs neither the thread nor the reply's buffer is answered at once; the rest waits for its turn, except
// that a second command while one runs is an error.
void Ccid::process() {
    const std::uint8_t fault = fault_of_header();
    if (header_.type == Command::abort && fault == 0) return take_abort();
    if (!notice_free()) return;
    if (header_.type != Command::abort) bulk_abort_.reset();
    if (control_abort_) return refuse(error::aborted);
    if (awaited_ && !dropped_) return refuse(error::slot_busy);
    if (reply_sending_.size > 0 || flight_ != Flight::nothing) return;
    if (!rule_of(header_.type).supported) return refuse(error::not_supported);
    if (fault != 0) {
        // An APDU of which a part was lost can't go on.
        if (header_.type == Command::transfer) end_chain();
        return refuse(fault);
    }
    dispatch();
}

std::uint8_t Ccid::fault_of_header() const { return header_.slot != 0 ? offset::slot : fault_; }

void Ccid::dispatch() {
    switch (header_.type) {
        case Command::slot_status:
            return answer({}, {});
        case Command::get_parameters:
            return answer(parameters_, {});
        case Command::reset_parameters:
            parameters_ = kDefaultParameters;
            return answer(parameters_, {});
        case Command::set_parameters:
            return set_parameters();
        case Command::transfer:
            return transfer();
        case Command::power_on:
            if (header_.parameters[0] > kLastPowerSelect) return refuse(offset::parameter);
            break;
        default:
            break;
    }
    if (awaited_) return;  // what was dropped hasn't ended
    end_chain();
    held_ = false;
    running_ = header_;
    post(header_.type == Command::power_on ? Work::power_on : Work::power_off);
}

// A pair of requests, one at the control endpoint and this one, in either order (5.3.1, 6.1.13).
void Ccid::take_abort() {
    if (control_abort_ && *control_abort_ != header_.sequence) {
        if (notice_free()) refuse(error::aborted);
        return;
    }
    held_ = false;
    if (control_abort_) {
        control_abort_.reset();
        abort_answer_ = header_;
        settle();
    } else {
        bulk_abort_ = header_;
    }
}

// Data that came while the thread had the buffer was not kept.
void Ccid::transfer() {
    if (!active_) return refuse(error::mute);
    const Level level = header_.level();
    const bool begins = level == Level::whole || level == Level::first;
    const bool goes_on = chaining_ && (level == Level::middle || level == Level::last);
    if (!begins && !goes_on) {
        end_chain();
        return refuse(offset::level);
    }
    if (!stored_ && !chain_too_long_) return refuse(error::slot_busy);
    if (!chain_too_long_) chained_ += taken_;
    if (level == Level::first || level == Level::middle) {
        chaining_ = true;
        return answer({}, {Outcome::done, 0, static_cast<std::uint8_t>(Chain::command_goes_on)});
    }
    // Longer than any command: it is answered as the card would answer, once it has come in whole.
    if (chain_too_long_) {
        end_chain();
        return answer(kTooLong, {});
    }
    chaining_ = false;
    command_size_ = chained_;
    held_ = false;
    running_ = header_;
    post(Work::transmit);
}

// There is no wire to the card, so that they change nothing; but what a host set it reads back.
void Ccid::set_parameters() {
    if (header_.parameters[0] != kProtocolT1) return refuse(offset::parameter);
    if (header_.length != wanted_parameters_.size()) return refuse(offset::length);
    const auto& wanted = wanted_parameters_;
    if ((wanted[1] & 0xFC) != 0x10) return refuse(offset::data + 1);
    if (wanted[4] > 3) return refuse(offset::data + 4);
    if (wanted[5] == 0 || wanted[5] == 0xFF) return refuse(offset::data + 5);
    parameters_ = wanted;
    answer(parameters_, {});
}

// ---- the thread -----------------------------------------------------------------------------------------------------

void Ccid::post(Work work) {
    work_ = work;
    awaited_ = true;
    dropped_ = false;
    timing_ = false;
    posted_.store(static_cast<std::uint8_t>(posted_.load(std::memory_order_relaxed) + 1), std::memory_order_release);
}

bool Ccid::run() {
    const std::uint8_t posted = posted_.load(std::memory_order_acquire);
    if (posted == finished_.load(std::memory_order_relaxed)) return false;
    const MutableBytes out = MutableBytes(reply_).subspan(kHeaderSize);
    response_size_ = 0;
    switch (work_) {
        case Work::power_on: {
            const Bytes atr = slot_.power_on();
            response_size_ = std::min(atr.size(), out.size());
            std::copy_n(atr.begin(), response_size_, out.begin());
            break;
        }
        case Work::power_off:
            slot_.power_off();
            break;
        case Work::transmit:
            response_size_ = slot_.transmit(Bytes(command_).first(command_size_), out);
            wipe(MutableBytes(command_).first(command_used_));
            break;
    }
    finished_.store(posted, std::memory_order_release);
    return true;
}

void Ccid::take_result() {
    awaited_ = false;
    timing_ = false;
    if (work_ == Work::transmit) {
        chained_ = 0;
        command_used_ = 0;
    }
    if (work_ != Work::power_off) reply_used_ = kHeaderSize + response_size_;
    if (work_ == Work::power_on) active_ = response_size_ > 0 && !power_off_due_;
    if (work_ == Work::power_off) active_ = false;
    if (dropped_) {
        dropped_ = false;
        if (work_ != Work::power_off) wipe_reply();
        return;
    }
    const bool mute = response_size_ == 0 && work_ != Work::power_off;
    const Tail tail = mute ? Tail{Outcome::failed, error::mute, 0} : Tail{};
    reply_sending_ = {write_answer(reply_, running_, response_size_, tail), 0};
}

}  // namespace sealkey::usb
