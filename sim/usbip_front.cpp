#include "usbip_front.h"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "protocol/status_words.h"

namespace sealkey::sim {

namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr std::uint8_t kCardReset[] = {static_cast<std::uint8_t>(VpcdControl::reset)};
constexpr std::uint8_t kCardAtr[] = {static_cast<std::uint8_t>(VpcdControl::atr)};
constexpr std::size_t kShortestCommand = 4;

std::int32_t status_of(UsbTransfer::State state) {
    switch (state) {
        case UsbTransfer::State::stalled:
            return kUsbipStalled;
        case UsbTransfer::State::overflow:
            return kUsbipOverflow;
        default:
            return kUsbipOk;
    }
}

void append(std::vector<std::uint8_t>& to, const std::vector<std::uint8_t>& more) {
    to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

// ---- one token ------------------------------------------------------------------------------------------------------

UsbipKey::UsbipKey(VirtualToken& token, std::string bus_id, std::function<void()> wake)
    : token_(token), bus_id_(std::move(bus_id)), wake_(std::move(wake)), thread_([this] { serve(); }) {}

UsbipKey::~UsbipKey() {
    {
        const std::lock_guard<std::mutex> held(mutex_);
        end_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void UsbipKey::attach() {
    attached_ = true;
    device_.reset(token_.serial());
}

void UsbipKey::detach() {
    attached_ = false;
    device_.reset({});
    work();  // the session's end
}

void UsbipKey::work() {
    if (!ccid_.pending()) return;
    {
        const std::lock_guard<std::mutex> held(mutex_);
        work_ = true;
    }
    changed_.notify_one();
}

void UsbipKey::serve() {
    std::unique_lock<std::mutex> held(mutex_);
    while (true) {
        changed_.wait(held, [this] { return work_ || end_; });
        if (end_) return;
        work_ = false;
        held.unlock();
        if (ccid_.run()) wake_();
        held.lock();
    }
}

Bytes UsbipKey::power_on() {
    (void)token_.exchange(kCardReset);
    atr_ = token_.exchange(kCardAtr).value_or(std::vector<std::uint8_t>());
    return atr_;
}

void UsbipKey::power_off() { (void)token_.exchange(kCardReset); }

// A body shorter than any command would be taken for one to the reader.
std::size_t UsbipKey::transmit(Bytes command, MutableBytes response) {
    if (command.size() < kShortestCommand) {
        store_be16(response.data(), protocol::sw::wrong_length);
        return sizeof(protocol::StatusWord);
    }
    const auto answer = token_.exchange(command, response.size());
    if (!answer) return 0;
    std::copy(answer->begin(), answer->end(), response.begin());
    return answer->size();
}

// ---- the server -----------------------------------------------------------------------------------------------------

UsbipFront::UsbipFront(const std::vector<VirtualToken*>& tokens, const std::string& host, std::uint16_t port)
    : wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), listener_(listen_tcp(host, port)), port_(port_of(listener_)) {
    const auto wake = [fd = wake_.fd()] {
        const std::uint64_t one = 1;
        if (write(fd, &one, sizeof one) < 0) spdlog::debug("the loop was woken already");
    };
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        keys_.push_back(std::make_unique<UsbipKey>(*tokens[i], "1-" + std::to_string(i + 1), wake));
        spdlog::info("{}: USB device {} by USB/IP at {}:{}", tokens[i]->path(), keys_.back()->bus_id(), host, port_);
    }
}

bool UsbipFront::attached(const VirtualToken& token) const {
    return std::any_of(keys_.begin(), keys_.end(),
                       [&](const auto& key) { return &key->token() == &token && key->attached(); });
}

void UsbipFront::collect(PollSet& set) {
    for (auto connection = connections_.begin(); connection != connections_.end();) {
        const auto here = connection++;
        if (here->key != nullptr && here->generation != here->key->token().generation()) close(here);
    }
    set.add(listener_.fd(), POLLIN, [this] {
        Socket socket = accept_from(listener_);
        if (socket.open()) connections_.push_back({std::move(socket)});
    });
    set.add(wake_.fd(), POLLIN, [this] { on_wake(); });
    bool timed = false;
    for (auto connection = connections_.begin(); connection != connections_.end(); ++connection) {
        const short events = connection->output.empty() ? POLLIN : POLLIN | POLLOUT;
        set.add(connection->socket.fd(), events, [this, connection] { serve(connection); });
        timed = timed || connection->key != nullptr;
    }
    if (timed) set.at(next_tick_, [this] { on_tick(); });
}

void UsbipFront::on_wake() {
    std::uint64_t count = 0;
    if (read(wake_.fd(), &count, sizeof count) < 0) return;
    for (Connection& connection : connections_) pump(connection);
    // A key that nobody has any more may have its session's end to come.
    for (const auto& key : keys_) {
        if (!key->attached()) key->ccid().tick(0);
        key->work();
    }
}

void UsbipFront::on_tick() {
    const auto now = PollSet::Clock::now();
    next_tick_ = now + kTick;
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    for (Connection& connection : connections_) {
        if (connection.key == nullptr) continue;
        connection.key->ccid().tick(static_cast<std::uint32_t>(milliseconds));
        pump(connection);
    }
}

void UsbipFront::serve(Connections::iterator connection) {
    std::vector<std::uint8_t> input;
    bool good = receive(connection->socket, input) != Received::closed;
    connection->requests.feed(input);
    while (good) {
        auto request = connection->requests.next();
        if (!request) break;
        good = answer(*connection, *request);
    }
    if (good) pump(*connection);
    if (!good || !send_some(connection->socket, connection->output)) close(connection);
}

bool UsbipFront::answer(Connection& connection, UsbipRequest& request) {
    if (const auto* nonsense = std::get_if<UsbipNonsense>(&request)) {
        spdlog::warn("USB/IP: a connection ends, since it asked for {}", nonsense->what);
        return false;
    }
    if (std::holds_alternative<UsbipListRequest>(request)) list(connection);
    if (const auto* wanted = std::get_if<UsbipImportRequest>(&request)) import(connection, wanted->bus_id);
    if (auto* transfer = std::get_if<UsbipSubmit>(&request)) submit(connection, *transfer);
    if (const auto* unlink = std::get_if<UsbipUnlink>(&request)) {
        const bool waited = connection.key->device().cancel(unlink->victim);
        append(connection.output, usbip_unlinked(unlink->sequence, waited ? kUsbipUnlinked : kUsbipOk));
    }
    return true;
}

void UsbipFront::list(Connection& connection) {
    std::vector<UsbipDevice> devices;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
        if (!keys_[i]->token().plugged() || keys_[i]->attached()) continue;  // only what can be had
        devices.push_back({keys_[i]->bus_id(), static_cast<std::uint32_t>(i + 1), keys_[i]->device().configured()});
    }
    append(connection.output, usbip_list(devices));
}

void UsbipFront::import(Connection& connection, const std::string& bus_id) {
    const auto found =
        std::find_if(keys_.begin(), keys_.end(), [&](const auto& key) { return key->bus_id() == bus_id; });
    if (found == keys_.end() || !(*found)->token().plugged()) {
        append(connection.output, usbip_import(kUsbipNotThere, {}));
        return;
    }
    UsbipKey& key = **found;
    if (key.attached()) {
        append(connection.output, usbip_import(kUsbipBusy, {}));
        return;
    }
    key.attach();
    connection.key = &key;
    connection.generation = key.token().generation();
    connection.requests.imported();
    append(connection.output,
           usbip_import(kUsbipImported, {bus_id, static_cast<std::uint32_t>(found - keys_.begin() + 1), false}));
    spdlog::info("{}: attached by a host", key.token().path());
}

void UsbipFront::submit(Connection& connection, UsbipSubmit& submit) {
    UsbTransfer transfer;
    transfer.id = submit.sequence;
    transfer.endpoint = static_cast<std::uint8_t>(submit.endpoint | (submit.in ? 0x80 : 0));
    transfer.length = submit.length;
    transfer.end_by_empty_packet = (submit.flags & kUsbipZeroPacket) != 0;
    transfer.setup = submit.setup;
    transfer.data = std::move(submit.data);
    connection.key->device().submit(std::move(transfer));
}

void UsbipFront::pump(Connection& connection) {
    if (connection.key == nullptr) return;
    for (const UsbTransfer& done : connection.key->device().pump()) {
        const bool in = (done.endpoint & 0x80) != 0;
        const std::size_t length = in ? done.data.size() : done.taken;
        append(connection.output,
               usbip_submitted(done.id, status_of(done.state), length, in ? Bytes(done.data) : Bytes()));
    }
    connection.key->work();
    if (!send_some(connection.socket, connection.output)) spdlog::debug("USB/IP: the host has gone");
}

void UsbipFront::close(Connections::iterator connection) {
    if (connection->key != nullptr) {
        connection->key->detach();
        spdlog::info("{}: detached", connection->key->token().path());
    }
    connections_.erase(connection);
}

}  // namespace sealkey::sim
