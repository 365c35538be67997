// USB ports with keys, for the real libusb in other programs: umockdev stands where the kernel does, the key's own CCID
// class behind it, and a simulator at a socket is the card.
//
//   usb_ports SERIAL=SOCKET...       key N is in port N of bus 1, plugged in if "=" stands there and not if "-" does
//
// Prints "ready FOLDER": other programs see the ports by UMOCKDEV_DIR=FOLDER and the preloaded libumockdev-preload.
// Then a line of standard input is a command, a line of output its end: "unplug N", "plug N", "ended N" (the program
// that has it), "stall N" (the next bulk transfer), "mute N" (bulk IN never ends), "speak N", "hold N" and "release N"
// (another program has it), "claimed N" (whether one of ours has), "waiting N" (whether it waits for an answer),
// "extensions N" and "aborts N" (how many there were). Ends with standard input.
#include <linux/usbdevice_fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <umockdev.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "usb/ccid.h"

namespace {

using namespace sealkey;
using ByteVector = std::vector<std::uint8_t>;

constexpr gulong kNothingYet = 2000;  // microseconds; libusb asks again and again as long as it is answered at once
constexpr std::chrono::milliseconds kIdle{1};

// The card: a simulator at a socket, with vpcd's framing.
class SocketCard final : public usb::Slot {
public:
    explicit SocketCard(const std::string& path) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            throw std::runtime_error("no simulator at " + path);
        }
    }
    Bytes power_on() override {
        const std::uint8_t reset[] = {0x02};
        const std::uint8_t get_atr[] = {0x04};
        send(reset);
        send(get_atr);
        atr_.resize(64);
        atr_.resize(receive(atr_));
        return atr_;
    }
    void power_off() override {
        const std::uint8_t off[] = {0x00};
        send(off);
    }
    std::size_t transmit(Bytes command, MutableBytes response) override {
        if (command.size() < 4) return 0;
        send(command);
        return receive(response);
    }

private:
    void send(Bytes body) {
        ByteVector frame(2);
        store_be16(frame.data(), static_cast<std::uint16_t>(body.size()));
        frame.insert(frame.end(), body.begin(), body.end());
        (void)::send(fd_, frame.data(), frame.size(), MSG_NOSIGNAL);
    }
    std::size_t receive(MutableBytes out) {
        std::uint8_t head[2];
        if (::recv(fd_, head, 2, MSG_WAITALL) != 2) return 0;
        const std::size_t size = load_be16(head);
        if (size > out.size() || ::recv(fd_, out.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size)) return 0;
        return size;
    }
    int fd_ = -1;
    ByteVector atr_;
};

template <class T>
class Ref {
public:
    Ref() = default;
    explicit Ref(T* object) : object_(static_cast<T*>(g_object_ref(object))) {}
    Ref(const Ref& other) : object_(other.object_) {
        if (object_ != nullptr) g_object_ref(object_);
    }
    Ref& operator=(Ref other) {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() {
        if (object_ != nullptr) g_object_unref(object_);
    }
    [[nodiscard]] T* get() const { return object_; }

private:
    T* object_ = nullptr;
};

struct Urb {
    Ref<UMockdevIoctlClient> owner;  // kept, so that no later one is taken for it
    Ref<UMockdevIoctlData> urb;
    Ref<UMockdevIoctlData> buffer;
    std::size_t done = 0;

    [[nodiscard]] usbdevfs_urb& raw() const { return *reinterpret_cast<usbdevfs_urb*>(urb.get()->data); }
};

std::string hex(Bytes bytes) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    std::string out;
    for (const std::uint8_t byte : bytes) out += {kDigits[byte >> 4], kDigits[byte & 15]};
    return out;
}

std::recursive_mutex everything;

class Port {
public:
    Port(UMockdevTestbed* bed, int number, std::string serial, const std::string& socket)
        : bed_(bed), number_(number), serial_(std::move(serial)), card_(socket), ccid_(card_) {
        std::thread([this] {
            for (;;) {
                if (!ccid_.run()) std::this_thread::sleep_for(kIdle);
            }
        }).detach();
    }

    void plug() {
        const std::lock_guard lock(everything);
        ++device_number_;
        const std::string number = std::to_string(10 * number_ + device_number_);
        const std::string padded = std::string(3 - number.size(), '0') + number;
        node_ = "/dev/bus/usb/001/" + padded;
        ByteVector descriptors(usb::kDeviceDescriptor.begin(), usb::kDeviceDescriptor.end());
        descriptors.insert(descriptors.end(), usb::kConfigurationDescriptor.begin(),
                           usb::kConfigurationDescriptor.end());
        const std::string text = "P: " + path() + "\nN: bus/usb/001/" + padded + "\nE: DEVNAME=" + node_ +
                                 "\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\nE: BUSNUM=001\nE: DEVNUM=" + padded +
                                 "\nA: busnum=1\nA: devnum=" + number +
                                 "\nA: speed=12\nA: bConfigurationValue=1\nA: serial=" + serial_ +
                                 "\nH: descriptors=" + hex(descriptors) + "\n\n";
        GError* error = nullptr;
        UMockdevIoctlBase* handler = umockdev_ioctl_base_new();
        g_signal_connect(handler, "handle-ioctl", G_CALLBACK(&Port::on_ioctl), this);
        g_signal_connect(handler, "client-vanished", G_CALLBACK(&Port::on_vanished), this);
        ccid_.configured();
        plugged_ = true;
        // The node answers before anybody can see it.
        if (umockdev_testbed_attach_ioctl(bed_, node_.c_str(), handler, &error) == FALSE ||
            umockdev_testbed_add_from_string(bed_, text.c_str(), &error) == FALSE) {
            throw std::runtime_error(error->message);
        }
        umockdev_testbed_uevent(bed_, ("/sys" + path()).c_str(), "add");
    }

    // As the kernel does it: what is under way ends, then udev is told.
    void unplug() {
        const std::lock_guard lock(everything);
        plugged_ = false;
        ccid_.reset();
        claimed_by_ = {};
        while (!pending_.empty()) finish(pending_.begin(), -ESHUTDOWN);
        umockdev_testbed_uevent(bed_, ("/sys" + path()).c_str(), "remove");
        // Not by umockdev's own function, which would leave programs that have the node open without an answer.
        const std::string root = umockdev_testbed_get_root_dir(bed_);
        std::filesystem::remove(root + "/sys/bus/usb/devices/1-" + std::to_string(number_));
        std::filesystem::remove(root + node_);
        std::filesystem::remove_all(root + "/sys" + path());
    }

    // The program that has claimed the key has ended, and the kernel takes back what it had. umockdev doesn't always
    // notice.
    void ended() {
        const std::lock_guard lock(everything);
        if (claimed_by_.get() != nullptr) forget(Ref(claimed_by_).get());
    }

    void stall() { stall_ = true; }
    void mute(bool mute) { mute_ = mute; }
    // As if a program that isn't in these ports' reach had claimed the interface.
    void hold(bool held) { held_ = held; }
    [[nodiscard]] bool is_claimed() const {
        const std::lock_guard lock(everything);
        return claimed_by_.get() != nullptr;
    }
    [[nodiscard]] bool is_waited_for() const {
        const std::lock_guard lock(everything);
        return std::any_of(pending_.begin(), pending_.end(),
                           [](const Urb& urb) { return urb.raw().endpoint == usb::kBulkIn; });
    }
    [[nodiscard]] int extensions() const { return extensions_; }
    [[nodiscard]] int aborts() const { return aborts_; }

private:
    [[nodiscard]] std::string path() const { return "/devices/pci0/usb1/1-" + std::to_string(number_); }

    static gboolean on_ioctl(UMockdevIoctlBase*, UMockdevIoctlClient* client, gpointer port) {
        bool nothing_yet = false;
        {
            const std::lock_guard lock(everything);
            nothing_yet = !static_cast<Port*>(port)->ioctl(client);
        }
        if (nothing_yet) {
            g_usleep(kNothingYet);
            umockdev_ioctl_client_complete(client, -1, EAGAIN);
        }
        return TRUE;
    }
    static void on_vanished(UMockdevIoctlBase*, UMockdevIoctlClient* client, gpointer port) {
        const std::lock_guard lock(everything);
        static_cast<Port*>(port)->forget(client);
    }
    // What belongs to programs that have ended, whether umockdev told of it or not.
    void forget_ended() {
        const auto ended = [](const Ref<UMockdevIoctlClient>& client) {
            return umockdev_ioctl_client_get_connected(client.get()) == FALSE;
        };
        if (claimed_by_.get() != nullptr && ended(claimed_by_)) claimed_by_ = {};
        std::erase_if(pending_, [&](const Urb& urb) { return ended(urb.owner); });
        std::erase_if(done_, [&](const Urb& urb) { return ended(urb.owner); });
    }
    void forget(UMockdevIoctlClient* client) {
        if (claimed_by_.get() == client) claimed_by_ = {};
        const auto is_its = [client](const Urb& urb) { return urb.owner.get() == client; };
        pending_.erase(std::remove_if(pending_.begin(), pending_.end(), is_its), pending_.end());
        done_.erase(std::remove_if(done_.begin(), done_.end(), is_its), done_.end());
    }

    // In umockdev's thread. False: there is nothing to collect yet.
    bool ioctl(UMockdevIoctlClient* client) {
        const unsigned long request = umockdev_ioctl_client_get_request(client);
        UMockdevIoctlData* argument = umockdev_ioctl_client_get_arg(client);
        const auto size = static_cast<gsize>(_IOC_SIZE(request));
        UMockdevIoctlData* data = size > 0 ? umockdev_ioctl_data_resolve(argument, 0, size, nullptr) : nullptr;
        if (size > 0 && data == nullptr) {
            // Its program has ended.
            forget(client);
            umockdev_ioctl_client_abort(client);
            return true;
        }
        const auto end = [client](long result, int error = 0) {
            umockdev_ioctl_client_complete(client, result, error);
            return true;
        };
        pump();
        if (request == USBDEVFS_REAPURBNDELAY) {
            const auto urb =
                std::find_if(done_.begin(), done_.end(), [&](const Urb& u) { return u.owner.get() == client; });
            if (urb == done_.end()) return plugged_ ? false : end(-1, ENODEV);
            umockdev_ioctl_data_set_ptr(data, 0, urb->urb.get());
            const Urb kept = *urb;
            done_.erase(urb);
            return end(0);
        }
        if (!plugged_) return end(-1, ENODEV);
        switch (request) {
            case USBDEVFS_GET_CAPABILITIES:
                *reinterpret_cast<std::uint32_t*>(data->data) = 0;
                return end(0);
            case USBDEVFS_CLAIMINTERFACE:
                if (held_ || (claimed_by_.get() != nullptr && claimed_by_.get() != client)) return end(-1, EBUSY);
                claimed_by_ = Ref(client);
                return end(0);
            case USBDEVFS_RELEASEINTERFACE:
                if (claimed_by_.get() == client) claimed_by_ = {};
                return end(0);
            case USBDEVFS_CLEAR_HALT:
                ccid_.halt_cleared(static_cast<std::uint8_t>(*reinterpret_cast<unsigned*>(data->data)));
                return end(0);
            case USBDEVFS_RESET:
                ccid_.reset();
                ccid_.configured();
                return end(0);
            case USBDEVFS_SUBMITURB:
                return submit(client, data) ? end(0) : end(-1, EIO);
            case USBDEVFS_DISCARDURB:
                return discard(*reinterpret_cast<gulong*>(argument->data)) ? end(0) : end(-1, EINVAL);
            case USBDEVFS_IOCTL:  // a kernel driver to detach: there is none
            case USBDEVFS_GETDRIVER:
                return end(-1, ENODATA);
            default:
                return end(-1, ENOTTY);
        }
    }

    bool submit(UMockdevIoctlClient* client, UMockdevIoctlData* data) {
        Urb urb{Ref(client), Ref(data), {}, 0};
        const usbdevfs_urb& raw = urb.raw();
        if (raw.buffer_length > 0) {
            UMockdevIoctlData* buffer = umockdev_ioctl_data_resolve(data, offsetof(usbdevfs_urb, buffer),
                                                                    static_cast<gsize>(raw.buffer_length), nullptr);
            if (buffer == nullptr) return false;
            urb.buffer = Ref(buffer);
        }
        pending_.push_back(urb);
        return true;
    }
    bool discard(gulong address) {
        for (auto urb = pending_.begin(); urb != pending_.end(); ++urb) {
            if (urb->urb.get()->client_addr != address) continue;
            finish(urb, -ENOENT);
            return true;
        }
        return false;
    }
    void finish(std::deque<Urb>::iterator urb, int status) {
        urb->raw().status = status;
        urb->raw().actual_length = static_cast<int>(urb->done);
        done_.push_back(*urb);
        pending_.erase(urb);
    }

    void pump() {
        const auto now =
            std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch());
        ccid_.tick(static_cast<std::uint32_t>(now.count()));
        forget_ended();
        // One transfer an endpoint at a time.
        for (const unsigned endpoint : {0x00U, 0x80U, 0x01U, 0x81U}) {
            const auto first = std::find_if(pending_.begin(), pending_.end(),
                                            [endpoint](const Urb& urb) { return urb.raw().endpoint == endpoint; });
            if (first != pending_.end() && plugged_) move(first);
        }
    }

    void move(std::deque<Urb>::iterator urb) {
        const usbdevfs_urb& raw = urb->raw();
        if (raw.type == USBDEVFS_URB_TYPE_CONTROL) {
            const guint8* p = urb->buffer.get()->data;
            if (p[0] == 0x21 && p[1] == 0x01) ++aborts_;
            const auto word = [p](int at) { return static_cast<std::uint16_t>(p[at] | p[at + 1] << 8); };
            return finish(urb, ccid_.control({p[0], p[1], word(2), word(4), word(6)}) ? 0 : -EPIPE);
        }
        if (stall_.exchange(false)) return finish(urb, -EPIPE);
        if (raw.endpoint == usb::kBulkOut) return move_out(urb);
        if (raw.endpoint == usb::kBulkIn && !mute_) return move_in(urb);
    }
    void move_out(std::deque<Urb>::iterator urb) {
        const auto size = static_cast<std::size_t>(urb->raw().buffer_length);
        while (ccid_.ready()) {
            const std::size_t n = std::min(size - urb->done, usb::kBulkPacket);
            ccid_.received({urb->buffer.get()->data + urb->done, n});
            urb->done += n;
            if (urb->done == size) return finish(urb, 0);
        }
    }
    void move_in(std::deque<Urb>::iterator urb) {
        while (const auto packet = ccid_.next()) {
            if (packet->size() == usb::Ccid::kHeaderSize && (*packet)[7] >> 6 == 2) ++extensions_;
            umockdev_ioctl_data_update(urb->buffer.get(), urb->done, const_cast<guint8*>(packet->data()),
                                       static_cast<gint>(packet->size()));
            urb->done += packet->size();
            const bool last =
                packet->size() < usb::kBulkPacket || urb->done == static_cast<std::size_t>(urb->raw().buffer_length);
            ccid_.sent();
            if (last) return finish(urb, 0);
        }
    }

    UMockdevTestbed* bed_;
    int number_;
    std::string serial_;
    SocketCard card_;
    usb::Ccid ccid_;
    std::string node_;
    int device_number_ = 0;
    bool plugged_ = false;
    std::atomic<bool> stall_{false};
    std::atomic<bool> mute_{false};
    std::atomic<bool> held_{false};
    std::atomic<int> extensions_{0};
    std::atomic<int> aborts_{0};
    Ref<UMockdevIoctlClient> claimed_by_;
    std::deque<Urb> pending_;
    std::deque<Urb> done_;
};

// What stands above the ports.
constexpr char kRootHub[] =
    "P: /devices/pci0/usb1\nN: bus/usb/001/001\nE: DEVNAME=/dev/bus/usb/001/001\nE: DEVTYPE=usb_device\n"
    "E: SUBSYSTEM=usb\nE: BUSNUM=001\nE: DEVNUM=001\nA: busnum=1\nA: devnum=1\nA: speed=480\nA: bConfigurationValue=1\n"
    "H: descriptors=12010002090001406B1D020001060302010109021900010100E0000904000001090000000705810304000C\n\n";

int serve(int argc, char** argv) {
    UMockdevTestbed* bed = umockdev_testbed_new();
    GError* error = nullptr;
    if (umockdev_testbed_add_from_string(bed, kRootHub, &error) == FALSE) throw std::runtime_error(error->message);
    std::vector<std::unique_ptr<Port>> ports;
    for (int i = 1; i < argc; ++i) {
        const std::string text = argv[i];
        const std::size_t at = text.find_first_of("=-");
        if (at == std::string::npos) return 2;
        ports.push_back(std::make_unique<Port>(bed, i, text.substr(0, at), text.substr(at + 1)));
        if (text[at] == '=') ports.back()->plug();
    }
    std::cout << "ready " << umockdev_testbed_get_root_dir(bed) << std::endl;
    std::string word;
    std::size_t number = 0;
    while (std::cin >> word >> number) {
        Port& port = *ports.at(number - 1);
        if (word == "plug") port.plug();
        if (word == "unplug") port.unplug();
        if (word == "ended") port.ended();
        if (word == "stall") port.stall();
        if (word == "mute" || word == "speak") port.mute(word == "mute");
        if (word == "hold" || word == "release") port.hold(word == "hold");
        if (word == "claimed") word = port.is_claimed() ? "yes" : "no";
        if (word == "waiting") word = port.is_waited_for() ? "yes" : "no";
        if (word == "extensions") word = std::to_string(port.extensions());
        if (word == "aborts") word = std::to_string(port.aborts());
        std::cout << word << std::endl;
    }
    g_object_unref(bed);
    return 0;
}

}  // namespace

int main(int argc, char** argv) try {
    const int code = serve(argc, argv);
    std::cout.flush();
    _exit(code);  // the cards' threads have no end
} catch (const std::exception& error) {
    std::cerr << "usb_ports: " << error.what() << '\n';
    _exit(1);
}
