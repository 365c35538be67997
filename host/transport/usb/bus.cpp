#include "transport/usb/bus.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <fstream>

#include "protocol/usb.h"

namespace sealkey::transport::usb {

namespace {

constexpr int kMostPortLevels = 7;  // hubs at hubs (USB 2.0, 4.1.1)
constexpr std::size_t kMostSerial = 32;

void check(int code, const char* action) {
    if (code < 0) throw TransportError(Failure::no_service, std::string(action) + ": " + libusb_strerror(code));
}

// As the kernel names it: 1-1.4 is bus 1, its port 1 with a hub, that hub's port 4. It stays while the cables do.
std::string port_path(libusb_device* device) {
    std::uint8_t ports[kMostPortLevels];
    const int levels = libusb_get_port_numbers(device, ports, kMostPortLevels);
    std::string path = std::to_string(libusb_get_bus_number(device)) + "-";
    for (int i = 0; i < levels; ++i) path += (i > 0 ? "." : "") + std::to_string(ports[i]);
    return path;
}

// What the kernel read when the key was plugged in: needs no right to open it, and doesn't disturb whoever has. It is
// the device's own text.
std::string serial_at(const std::string& path) {
    std::ifstream file("/sys/bus/usb/devices/" + path + "/serial");
    std::string serial;
    std::getline(file, serial);
    if (serial.size() > kMostSerial) serial.resize(kMostSerial);
    for (char& c : serial) {
        if (c <= ' ' || c > '~') c = '?';
    }
    return serial;
}

std::string name_of(libusb_device* device) {
    const std::string path = port_path(device);
    const std::string serial = serial_at(path);
    return "USB " + path + (serial.empty() ? "" : " " + serial);
}

// The bulk endpoints of an interface that this transport can drive.
bool take_interface(const libusb_interface_descriptor& interface, Found& found) {
    if (interface.bInterfaceClass != protocol::ccid::kInterfaceClass || interface.bInterfaceProtocol != 0) return false;
    const int length = std::max(interface.extra_length, 0);
    const auto traits = parse_class_descriptor({interface.extra, static_cast<std::size_t>(length)});
    if (!traits) return false;
    found.traits = *traits;
    found.interface = interface.bInterfaceNumber;
    for (int i = 0; i < interface.bNumEndpoints; ++i) {
        const libusb_endpoint_descriptor& endpoint = interface.endpoint[i];
        if ((endpoint.bmAttributes & LIBUSB_TRANSFER_TYPE_MASK) != LIBUSB_TRANSFER_TYPE_BULK) continue;
        const bool in = (endpoint.bEndpointAddress & LIBUSB_ENDPOINT_IN) != 0;
        (in ? found.bulk_in : found.bulk_out) = endpoint.bEndpointAddress;
    }
    return found.bulk_in != 0 && found.bulk_out != 0;
}

bool is_key(libusb_device* device, Found& found) {
    libusb_device_descriptor descriptor{};
    if (libusb_get_device_descriptor(device, &descriptor) != 0) return false;
    if (descriptor.idVendor != protocol::usb::kVendorId || descriptor.idProduct != protocol::usb::kProductId) {
        return false;
    }
    libusb_config_descriptor* raw = nullptr;
    if (libusb_get_active_config_descriptor(device, &raw) != 0) return false;
    const std::unique_ptr<libusb_config_descriptor, decltype(&libusb_free_config_descriptor)> config(
        raw, &libusb_free_config_descriptor);
    for (int i = 0; i < config->bNumInterfaces; ++i) {
        const libusb_interface& interface = config->interface[i];
        if (interface.num_altsetting > 0 && take_interface(interface.altsetting[0], found)) return true;
    }
    return false;
}

}  // namespace

std::shared_ptr<Bus> Bus::shared() {
    static std::mutex mutex;
    static std::weak_ptr<Bus> kept;
    static const Maker first;  // libusb's thread is its
    const std::lock_guard lock(mutex);
    std::shared_ptr<Bus> bus = kept.lock();
    if (bus == nullptr || !bus->is_live()) {
        bus = std::shared_ptr<Bus>(new Bus(first.is_this_process()), [](Bus* gone) {
            if (gone->maker_.is_this_process()) delete gone;
        });
        kept = bus;
    }
    return bus;
}

Bus::Bus(bool hears) : hears_(hears) {
    check(libusb_init(&context_), "looking at the USB ports");
    constexpr int kEvents = LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT;
    const int code = libusb_hotplug_register_callback(context_, kEvents, LIBUSB_HOTPLUG_ENUMERATE,
                                                      protocol::usb::kVendorId, protocol::usb::kProductId,
                                                      LIBUSB_HOTPLUG_MATCH_ANY, &Bus::on_event, this, nullptr);
    if (code < 0) {
        libusb_exit(context_);
        check(code, "watching the USB ports");
    }
    // Signals are the program's own threads' to take.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { serve(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Bus::~Bus() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = 1;
    }
    libusb_interrupt_event_handler(context_);
    thread_.join();
    places_.clear();
    libusb_exit(context_);
}

void Bus::serve() {
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (stop_ != 0) return;
        }
        timeval most{60, 0};
        (void)libusb_handle_events_timeout_completed(context_, &most, nullptr);
    }
}

// From libusb's event handling, where nothing may be asked of the device.
int Bus::on_event(libusb_context*, libusb_device* device, libusb_hotplug_event event, void* bus) {
    auto& self = *static_cast<Bus*>(bus);
    if (event == LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED) self.arrived(device);
    if (event == LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT) self.left(device);
    return 0;
}

void Bus::arrived(libusb_device* device) {
    Found found;
    if (!is_key(device, found)) return;
    found.device = std::shared_ptr<libusb_device>(libusb_ref_device(device), [maker = maker_](libusb_device* gone) {
        if (maker.is_this_process()) libusb_unref_device(gone);
    });
    const std::string name = name_of(device);
    const std::lock_guard lock(mutex_);
    Place& place = places_[name];
    if (place.found.device.get() == device) return;
    place.found = std::move(found);
    // The kernel gives each that is plugged in another address: it tells two apart where no Bus saw both come.
    place.event_count += libusb_get_device_address(device);
    changed_.notify_all();
}

void Bus::left(libusb_device* device) {
    const std::lock_guard lock(mutex_);
    for (auto& [name, place] : places_) {
        if (place.found.device.get() != device) continue;
        place.found = {};
        ++place.event_count;
    }
    changed_.notify_all();
}

std::vector<ReaderState> Bus::states() const {
    std::vector<ReaderState> found;
    for (const auto& [name, place] : places_) {
        if (place.found.device != nullptr) found.push_back({name, true, {}, place.event_count});
    }
    return found;
}

std::vector<ReaderState> Bus::readers() const {
    const std::lock_guard lock(mutex_);
    return states();
}

Found Bus::find(const std::string& reader) const {
    const std::lock_guard lock(mutex_);
    const auto place = places_.find(reader);
    if (place == places_.end() || place->second.found.device == nullptr) {
        throw TransportError(Failure::no_reader, "no key is at " + reader);
    }
    return place->second.found;
}

bool Bus::wait_for_change(const std::vector<ReaderState>& known, std::chrono::milliseconds timeout,
                          const std::atomic<bool>& cancelled) {
    std::unique_lock lock(mutex_);
    const auto differs = [&] {
        const auto now = states();
        return !std::equal(now.begin(), now.end(), known.begin(), known.end(), [](const auto& a, const auto& b) {
            return a.name == b.name && a.event_count == b.event_count;
        });
    };
    changed_.wait_for(lock, timeout, [&] { return cancelled || differs(); });
    return differs();
}

// Under the lock, so that no wait is between its look at `cancelled` and its sleep.
void Bus::wake() {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
}

}  // namespace sealkey::transport::usb
