// A host's side of CCID with one slot, over any Pipe. Each answer is held to its message; whatever isn't as it must be
// ends the exchange with a TransportError, after the device was brought to a known state.
#pragma once

#include "transport/usb/ccid_message.h"
#include "transport/usb/pipe.h"

namespace sealkey::transport::usb {

struct Patience {
    // Between two signs of life: an answer, or a request for more time.
    std::chrono::milliseconds answer{5000};
    // A device that asks for more time for ever isn't believed. The longest command is the generation of an RSA key,
    // which takes many minutes on a small chip.
    std::chrono::milliseconds command{std::chrono::minutes(60)};
    // For a command that was given up to end in the device: not all can be interrupted there.
    std::chrono::milliseconds abort{std::chrono::minutes(2)};
};

class CcidClient {
public:
    // `pipe` outlives the client.
    CcidClient(Pipe& pipe, ReaderTraits traits, Patience patience = {});
    ~CcidClient();
    CcidClient(const CcidClient&) = delete;
    CcidClient& operator=(const CcidClient&) = delete;

    // Ends whatever another program left behind: a message that was half sent, an answer that nobody collected, a
    // command that still runs. The first call after the interface was claimed. Throws TransportError timeout where that
    // command takes longer than one waits for it, communication where nothing helps.
    void synchronise();

    // Starts a session with the card; the answer to reset.
    [[nodiscard]] ByteVector power_on();
    // Nothing where the device doesn't answer any more.
    void power_off();

    // One APDU, in as many messages as the reader needs. Failure::card_reset: the card had lost its power (the machine
    // was asleep) and has it again; nothing was executed.
    [[nodiscard]] ByteVector transmit(ByteView command);

    [[nodiscard]] bool extended() const { return traits_.extended; }

private:
    [[nodiscard]] Answer exchange(Command command, ByteView data = {}, Level level = Level::whole);
    void send(Command command, ByteView data, Level level);
    [[nodiscard]] Answer receive(Command command);
    [[nodiscard]] Answer collect(std::chrono::milliseconds wait);
    [[nodiscard]] Answer send_command(ByteView command);
    void check_fitting(ByteView command) const;
    void require_success(const Answer& answer, const char* action) const;
    [[noreturn]] void give_up(Failure failure, const std::string& why);
    void recover();
    enum class Abort : std::uint8_t { done, failed, busy };  // busy: its command goes on and on
    [[nodiscard]] Abort abort();
    [[nodiscard]] Abort await_abort();

    Pipe& pipe_;
    ReaderTraits traits_;
    Patience patience_;
    std::uint8_t sequence_ = 0;  // of the last message
    ByteVector buffer_;          // the last answer
    std::size_t filled_ = 0;     // bytes of it that may be secret
    bool broken_ = false;        // it couldn't be brought to a known state
    bool busy_ = false;          // because its command didn't end
};

}  // namespace sealkey::transport::usb
