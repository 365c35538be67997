// PC/SC through libpcsclite. Shared access always; a card is left as it is when we disconnect, so that another
// program's login survives.
#include <reader.h>
#include <unistd.h>
#include <winscard.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

#include "base/bytes.h"
#include "transport/settings.h"
#include "transport/transport.h"

namespace sealkey::transport {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kRetryInterval{10};
constexpr std::chrono::milliseconds kLongestWait{1000};
constexpr std::size_t kUsualNames = 2048;
constexpr int kMostLists = 16;  // of readers, where they go faster than they can be asked about
// Names that vpcd's readers go by: its own, and the one that the simulator's set-up gives.
constexpr const char* kVirtualReaders[] = {"Virtual PCD", "Sealkey Virtual"};
constexpr DWORD kProtocols = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1;

Failure failure_of(LONG code) {
    switch (code) {
        case SCARD_E_NO_SERVICE:
        case SCARD_E_SERVICE_STOPPED:
        case SCARD_W_SECURITY_VIOLATION:
        case SCARD_E_INVALID_HANDLE:
            return Failure::no_service;
        case SCARD_E_UNKNOWN_READER:
        case SCARD_E_READER_UNAVAILABLE:
        case SCARD_E_NO_READERS_AVAILABLE:
            return Failure::no_reader;
        case SCARD_E_NO_SMARTCARD:
        case SCARD_W_REMOVED_CARD:
            return Failure::no_card;
        case SCARD_W_RESET_CARD:
            return Failure::card_reset;
        case SCARD_E_SHARING_VIOLATION:
            return Failure::in_use;
        case SCARD_E_TIMEOUT:
            return Failure::timeout;
        default:
            return Failure::communication;
    }
}

[[noreturn]] void fail(const std::string& action, LONG code) {
    throw TransportError(failure_of(code), action + ": " + pcsc_stringify_error(code));
}

void check(const std::string& action, LONG code) {
    if (code != SCARD_S_SUCCESS) fail(action, code);
}

// A link to the service, made at the first use. A child after fork() leaves its parent's alone and makes its own.
class Context {
public:
    Context() = default;
    ~Context() { release(); }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    SCARDCONTEXT get() {
        if (!is_open()) {
            check("contacting the smart-card service",
                  SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context_));
            open_ = true;
            pid_ = ::getpid();
        }
        return context_;
    }
    [[nodiscard]] bool is_open() const { return open_ && pid_ == ::getpid(); }
    // The service was restarted: the next get() contacts it anew.
    void release() {
        if (is_open()) SCardReleaseContext(context_);
        open_ = false;
    }

private:
    SCARDCONTEXT context_ = 0;
    bool open_ = false;
    pid_t pid_ = 0;
};

bool context_is_dead(LONG code) {
    return code == SCARD_E_NO_SERVICE || code == SCARD_E_SERVICE_STOPPED || code == SCARD_E_INVALID_HANDLE;
}

class PcscConnection final : public Connection {
public:
    PcscConnection(std::shared_ptr<Context> context, const std::string& reader, std::chrono::milliseconds patience)
        : context_(std::move(context)), reader_(reader), patience_(patience), pid_(::getpid()) {
        const auto deadline = Clock::now() + patience_;
        const auto try_once = [&] {
            return SCardConnect(context_->get(), reader.c_str(), SCARD_SHARE_SHARED, kProtocols, &card_, &protocol_);
        };
        LONG code = try_once();
        if (context_is_dead(code)) {
            context_->release();
            code = try_once();
        }
        while (code == SCARD_E_SHARING_VIOLATION && Clock::now() < deadline) {
            std::this_thread::sleep_for(kRetryInterval);
            code = try_once();
        }
        check("connecting to the card in " + reader, code);
        connected_ = true;
        read_atr();
        extended_ = detect_extended_length();
    }
    ~PcscConnection() override {
        if (connected_ && pid_ == ::getpid()) SCardDisconnect(card_, SCARD_LEAVE_CARD);
    }

    ByteVector transmit(ByteView command) override {
        require_own_process();
        const SCARD_IO_REQUEST* header = protocol_ == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
        answer_.resize(MAX_BUFFER_SIZE_EXTENDED);
        const auto deadline = Clock::now() + patience_;
        LONG code = SCARD_S_SUCCESS;
        DWORD length = 0;
        for (;;) {
            length = static_cast<DWORD>(answer_.size());
            code = SCardTransmit(card_, header, command.data(), command.size(), nullptr, answer_.data(), &length);
            // Refused before anything was sent: another program is in its transaction.
            if (code != SCARD_E_SHARING_VIOLATION || Clock::now() >= deadline) break;
            std::this_thread::sleep_for(kRetryInterval);
        }
        if (code == SCARD_W_RESET_CARD && depth_ == 0) reconnect();
        check("sending a command", code);
        ByteVector result(answer_.begin(), answer_.begin() + static_cast<std::ptrdiff_t>(length));
        wipe(MutableBytes(answer_).first(length));
        return result;
    }

    void begin_transaction() override {
        require_own_process();
        if (depth_ > 0) {
            ++depth_;
            return;
        }
        wait_until_free();
        const LONG code = SCardBeginTransaction(card_);
        if (code == SCARD_W_RESET_CARD) reconnect();
        check("beginning a transaction", code);
        depth_ = 1;
    }
    void end_transaction() noexcept override {
        if (depth_ == 0 || --depth_ > 0) return;
        if (pid_ == ::getpid()) SCardEndTransaction(card_, SCARD_LEAVE_CARD);
    }
    ByteVector atr() const override { return atr_; }
    bool extended_length() const override { return extended_; }

private:
    void require_own_process() const {
        if (pid_ != ::getpid()) {
            throw TransportError(Failure::communication, "a connection isn't inherited by fork");
        }
    }

    // SCardBeginTransaction waits for ever inside the library; asking for the features is refused at once while another
    // program holds the card, so the wait can be bounded here.
    void wait_until_free() {
        const auto deadline = Clock::now() + patience_;
        for (;;) {
            std::array<std::uint8_t, 256> features{};
            DWORD length = 0;
            const LONG code = SCardControl(card_, CM_IOCTL_GET_FEATURE_REQUEST, nullptr, 0, features.data(),
                                           features.size(), &length);
            if (code != SCARD_E_SHARING_VIOLATION) return;
            if (Clock::now() >= deadline) fail("waiting for another program to leave the card", code);
            std::this_thread::sleep_for(kRetryInterval);
        }
    }

    void reconnect() {
        check("connecting again after a reset",
              SCardReconnect(card_, SCARD_SHARE_SHARED, kProtocols, SCARD_LEAVE_CARD, &protocol_));
    }

    void read_atr() {
        atr_.resize(MAX_ATR_SIZE);
        DWORD length = static_cast<DWORD>(atr_.size());
        DWORD names = 0;
        DWORD state = 0;
        DWORD protocol = 0;
        check("reading the card's state", SCardStatus(card_, nullptr, &names, &state, &protocol, atr_.data(), &length));
        atr_.resize(length);
    }

    // The reader's own word (PC/SC part 10, TLV properties, dwMaxAPDUDataSize); the virtual readers of vpcd carry
    // anything and say nothing. Unknown: short. SEALKEY_APDU=short or =extended overrides.
    bool detect_extended_length() {
        const ApduLength choice = apdu_length_setting();
        if (choice != ApduLength::of_reader) return choice == ApduLength::extended;
        if (const auto most = max_apdu_data()) return *most > 0xFFF;
        for (const char* name : kVirtualReaders) {
            if (reader_.rfind(name, 0) == 0) return true;
        }
        return false;
    }

    std::optional<std::uint32_t> max_apdu_data() {
        std::array<std::uint8_t, 256> buffer{};
        DWORD length = 0;
        if (SCardControl(card_, CM_IOCTL_GET_FEATURE_REQUEST, nullptr, 0, buffer.data(), buffer.size(), &length) !=
            SCARD_S_SUCCESS) {
            return std::nullopt;
        }
        DWORD control = 0;
        for (std::size_t i = 0; i + 6 <= length; i += 2U + buffer[i + 1]) {
            if (buffer[i] == FEATURE_GET_TLV_PROPERTIES && buffer[i + 1] == 4) control = load_be32(&buffer[i + 2]);
        }
        if (control == 0 ||
            SCardControl(card_, control, nullptr, 0, buffer.data(), buffer.size(), &length) != SCARD_S_SUCCESS) {
            return std::nullopt;
        }
        for (std::size_t i = 0; i + 2 <= length; i += 2U + buffer[i + 1]) {
            const std::size_t size = buffer[i + 1];
            if (buffer[i] != PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize || i + 2 + size > length || size > 4) continue;
            std::uint32_t value = 0;  // little-endian
            for (std::size_t k = size; k-- > 0;) value = (value << 8) | buffer[i + 2 + k];
            return value;
        }
        return std::nullopt;
    }

    std::shared_ptr<Context> context_;
    std::string reader_;
    std::chrono::milliseconds patience_;
    pid_t pid_;
    SCARDHANDLE card_ = 0;
    DWORD protocol_ = 0;
    bool connected_ = false;
    bool extended_ = false;
    int depth_ = 0;
    ByteVector atr_;
    ByteVector answer_;
};

class PcscProvider final : public Provider {
public:
    PcscProvider(std::chrono::milliseconds patience, Links links) : patience_(patience), links_(links) {}

    std::vector<ReaderState> readers() override {
        for (int attempt = 0;; ++attempt) {
            const auto names = names_with(*list_);
            std::vector<ReaderState> found;
            if (names.empty()) return found;
            auto states = unaware(names);
            const LONG code = SCardGetStatusChange(list_->get(), 0, states.data(), static_cast<DWORD>(states.size()));
            // One went between the two calls. The others haven't.
            if (code == SCARD_E_UNKNOWN_READER && attempt < kMostLists) continue;
            if (code != SCARD_E_TIMEOUT) check("asking for the readers' state", code);
            for (std::size_t i = 0; i < names.size(); ++i) found.push_back(state_of(names[i], states[i]));
            return found;
        }
    }

    bool wait_for_change(const std::vector<ReaderState>& known, std::chrono::milliseconds timeout) override {
        // A context of its own: the library holds a context's lock through the whole wait.
        SCARDCONTEXT context = 0;
        {
            const std::lock_guard lock(mutex_);
            if (cancelled_) {
                cancelled_ = false;
                return false;
            }
            context = wait_.get();
            waiting_ = true;
        }
        try {
            const bool result = wait_with(context, known, timeout);
            const std::lock_guard lock(mutex_);
            waiting_ = false;
            cancelled_ = false;
            return result;
        } catch (const TransportError&) {
            // A context doesn't outlive its service: the next wait makes its own.
            const std::lock_guard lock(mutex_);
            waiting_ = false;
            wait_.release();
            throw;
        }
    }

    void cancel() noexcept override {
        const std::lock_guard lock(mutex_);
        cancelled_ = true;
        if (waiting_ && wait_.is_open()) SCardCancel(wait_.get());
    }

    std::unique_ptr<Connection> connect(const std::string& reader) override {
        auto context = links_ == Links::one_for_all ? list_ : std::make_shared<Context>();
        return std::make_unique<PcscConnection>(std::move(context), reader, patience_);
    }

private:
    static ReaderState state_of(const std::string& name, const SCARD_READERSTATE& from) {
        ReaderState state;
        state.name = name;
        state.card_present = (from.dwEventState & SCARD_STATE_PRESENT) != 0;
        if (state.card_present) state.atr.assign(from.rgbAtr, from.rgbAtr + from.cbAtr);
        state.event_count = static_cast<std::uint32_t>((from.dwEventState >> 16) & 0xFFFF);
        return state;
    }

    static std::vector<SCARD_READERSTATE> unaware(const std::vector<std::string>& names) {
        std::vector<SCARD_READERSTATE> states(names.size());
        for (std::size_t i = 0; i < names.size(); ++i) {
            states[i].szReader = names[i].c_str();
            states[i].dwCurrentState = SCARD_STATE_UNAWARE;
        }
        return states;
    }

    std::vector<std::string> names_with(Context& context) {
        // Room for more than most people have: asking for the length first would be one exchange more at every look.
        std::vector<char> text(kUsualNames);
        LONG code = SCARD_S_SUCCESS;
        for (int attempt = 0; attempt < 3; ++attempt) {
            auto length = static_cast<DWORD>(text.size());
            code = SCardListReaders(context.get(), nullptr, text.data(), &length);
            if (context_is_dead(code)) {
                context.release();
            } else if (code == SCARD_E_INSUFFICIENT_BUFFER) {
                text.resize(length);
            } else {
                text.resize(length);
                break;
            }
        }
        std::vector<std::string> names;
        if (code == SCARD_E_NO_READERS_AVAILABLE) return names;
        check("listing the readers", code);
        for (const char* p = text.data(); p < text.data() + text.size() && *p != '\0'; p += std::strlen(p) + 1) {
            names.emplace_back(p);
        }
        return names;
    }

    bool wait_with(SCARDCONTEXT context, const std::vector<ReaderState>& known, std::chrono::milliseconds timeout) {
        const auto deadline = Clock::now() + timeout;
        for (;;) {
            const auto now = readers();
            if (differ(now, known)) return true;
            std::vector<SCARD_READERSTATE> states(now.size() + 1);
            for (std::size_t i = 0; i < now.size(); ++i) {
                states[i].szReader = now[i].name.c_str();
                states[i].dwCurrentState = (static_cast<DWORD>(now[i].event_count) << 16) |
                                           (now[i].card_present ? SCARD_STATE_PRESENT : SCARD_STATE_EMPTY);
            }
            states.back().szReader = "\\\\?PnP?\\Notification";
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
            if (left.count() <= 0 || cancelled()) return false;
            // SCardCancel is lost on a wait that has only almost begun: the flag is looked at again soon.
            const auto part = std::min<std::chrono::milliseconds>(left, kLongestWait);
            const LONG code = SCardGetStatusChange(context, static_cast<DWORD>(part.count()), states.data(),
                                                   static_cast<DWORD>(states.size()));
            if (code == SCARD_E_CANCELLED) return false;
            if (code == SCARD_E_TIMEOUT) continue;
            if (code != SCARD_E_UNKNOWN_READER) check("waiting for a change", code);
            // Something moved, perhaps only another program's use of a card: look again.
            if (!differ(readers(), known) && Clock::now() + kRetryInterval < deadline) {
                std::this_thread::sleep_for(kRetryInterval);
            }
            if (cancelled()) return false;
        }
    }

    bool cancelled() {
        const std::lock_guard lock(mutex_);
        return cancelled_;
    }

    static bool differ(const std::vector<ReaderState>& a, const std::vector<ReaderState>& b) {
        if (a.size() != b.size()) return true;
        for (std::size_t i = 0; i < a.size(); ++i) {
            if (a[i].name != b[i].name || a[i].card_present != b[i].card_present ||
                a[i].event_count != b[i].event_count) {
                return true;
            }
        }
        return false;
    }

    std::chrono::milliseconds patience_;
    Links links_;
    std::shared_ptr<Context> list_ = std::make_shared<Context>();
    Context wait_;
    std::mutex mutex_;
    bool waiting_ = false;
    bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<Provider> make_pcsc_provider(std::chrono::milliseconds patience, Links links) {
    return std::make_unique<PcscProvider>(patience, links);
}

std::unique_ptr<Provider> make_pcsc_provider(Links links) { return make_pcsc_provider(std::chrono::seconds(5), links); }

}  // namespace sealkey::transport
