#include "usb.h"

#include <hardware/irq.h>
#include <tusb.h>
// The interface for class drivers of the application's own.
#include <device/dcd.h>
#include <device/usbd_pvt.h>

#include <array>

#include "usb/descriptors.h"

namespace sealkey::board {

namespace {

constexpr std::uint8_t kPort = 0;

usb::Ccid* g_ccid;
std::string_view g_serial;
Chores g_chores;
unsigned g_interrupt;
bool g_open;
alignas(4) std::array<std::uint8_t, usb::kBulkPacket> g_packet;
alignas(4) std::array<std::uint8_t, usb::kMaxString> g_string;

std::uint8_t* buffer_of(Bytes packet) { return const_cast<std::uint8_t*>(packet.data()); }  // IN: only read

// Gives the controller whatever it can take.
void pump() {
    if (!g_open) return;
    if (g_ccid->ready() && usbd_edpt_ready(kPort, usb::kBulkOut)) {
        usbd_edpt_xfer(kPort, usb::kBulkOut, g_packet.data(), static_cast<std::uint16_t>(g_packet.size()));
    }
    if (usbd_edpt_ready(kPort, usb::kBulkIn)) {
        if (const auto packet = g_ccid->next()) {
            usbd_edpt_xfer(kPort, usb::kBulkIn, buffer_of(*packet), static_cast<std::uint16_t>(packet->size()));
        }
    }
    if (usbd_edpt_ready(kPort, usb::kInterruptIn)) {
        if (const auto event = g_ccid->next_event()) {
            usbd_edpt_xfer(kPort, usb::kInterruptIn, buffer_of(*event), static_cast<std::uint16_t>(event->size()));
        }
    }
}

void software_interrupt() {
    tud_task();
    if (g_chores != nullptr) g_chores();
    pump();
}

// ---- the class driver that TinyUSB calls
// ------------------------------------------------------------------------------

void driver_init() {}
bool driver_deinit() { return true; }

void driver_reset(std::uint8_t) {
    g_open = false;
    g_ccid->reset();
}

std::uint16_t driver_open(std::uint8_t port, const tusb_desc_interface_t* interface, std::uint16_t size) {
    constexpr std::uint16_t used = usb::kConfigurationSize - 9;
    if (interface->bInterfaceClass != TUSB_CLASS_SMART_CARD || size < used) return 0;
    const auto* at = reinterpret_cast<const std::uint8_t*>(interface);
    for (const std::uint8_t* end = at + used; at < end; at = tu_desc_next(at)) {
        if (tu_desc_type(at) != TUSB_DESC_ENDPOINT) continue;
        if (!usbd_edpt_open(port, reinterpret_cast<const tusb_desc_endpoint_t*>(at))) return 0;
    }
    g_ccid->configured();
    g_open = true;
    return used;
}

// The data toggle begins anew. What the controller still had armed carries the old one: it is taken back, and pump()
// arms the endpoint again.
void clear_halt(std::uint8_t port, std::uint8_t endpoint) {
    usbd_edpt_stall(port, endpoint);
    usbd_edpt_clear_stall(port, endpoint);
    g_ccid->halt_cleared(endpoint);
}

// After SET_CONFIGURATION and SET_INTERFACE, also where the same was set already (USB 2.0, 9.1.1.5).
void set_up_anew(std::uint8_t port) {
    if (!g_open) return;
    for (const std::uint8_t endpoint : {usb::kBulkOut, usb::kBulkIn, usb::kInterruptIn}) clear_halt(port, endpoint);
    g_ccid->configured();
}

void stall_control(std::uint8_t port) {
    dcd_edpt_stall(port, 0);
    dcd_edpt_stall(port, TUSB_DIR_IN_MASK);
}

bool driver_control(std::uint8_t port, std::uint8_t stage, const tusb_control_request_t* request) {
    if (stage != CONTROL_STAGE_SETUP) return true;
    const auto& kind = request->bmRequestType_bit;
    if (kind.type == TUSB_REQ_TYPE_STANDARD && kind.recipient == TUSB_REQ_RCPT_ENDPOINT) {
        if (request->bRequest == TUSB_REQ_CLEAR_FEATURE && request->wValue == TUSB_REQ_FEATURE_EDPT_HALT) {
            clear_halt(port, static_cast<std::uint8_t>(request->wIndex));
        }
        return true;
    }
    if (kind.recipient != TUSB_REQ_RCPT_INTERFACE) return false;
    if (kind.type == TUSB_REQ_TYPE_STANDARD) {
        // There is one setting. TinyUSB acknowledges what the driver refuses (set_up_anew() below), so the stall is the
        // driver's own.
        const bool wrong = request->bRequest == TUSB_REQ_SET_INTERFACE && request->wValue != 0;
        if (wrong) stall_control(port);
        return wrong;
    }
    if (kind.type != TUSB_REQ_TYPE_CLASS) return false;
    const auto answer = g_ccid->control(
        {request->bmRequestType, request->bRequest, request->wValue, request->wIndex, request->wLength});
    if (!answer) return false;
    if (answer->empty()) return tud_control_status(port, request);
    return tud_control_xfer(port, request, buffer_of(*answer), static_cast<std::uint16_t>(answer->size()));
}

bool driver_transferred(std::uint8_t, std::uint8_t endpoint, xfer_result_t result, std::uint32_t size) {
    if (!g_open || result != XFER_RESULT_SUCCESS) return true;
    switch (endpoint) {
        case usb::kBulkOut:
            g_ccid->received(Bytes(g_packet).first(size));
            break;
        case usb::kBulkIn:
            g_ccid->sent();
            break;
        case usb::kInterruptIn:
            g_ccid->event_sent();
            break;
        default:
            break;
    }
    return true;
}

constexpr usbd_class_driver_t kDriver = {.name = "CCID",
                                         .init = driver_init,
                                         .deinit = driver_deinit,
                                         .reset = driver_reset,
                                         .open = driver_open,
                                         .control_xfer_cb = driver_control,
                                         .xfer_cb = driver_transferred,
                                         .sof = nullptr};

}  // namespace

void start_usb(usb::Ccid& ccid, std::string_view serial) {
    g_ccid = &ccid;
    g_serial = serial;
    g_interrupt = static_cast<unsigned>(user_irq_claim_unused(true));
    irq_set_exclusive_handler(g_interrupt, software_interrupt);
    irq_set_priority(g_interrupt, PICO_LOWEST_IRQ_PRIORITY);
    tud_init(kPort);
    irq_add_shared_handler(USBCTRL_IRQ, wake_usb, PICO_SHARED_IRQ_HANDLER_LOWEST_ORDER_PRIORITY);
    irq_set_enabled(g_interrupt, true);
    wake_usb();
}

void wake_usb() { irq_set_pending(g_interrupt); }

void set_chores(Chores chores) { g_chores = chores; }

}  // namespace sealkey::board

// ---- what TinyUSB asks the application for
// ------------------------------------------------------------------------------

using namespace sealkey;

extern "C" {

const usbd_class_driver_t* usbd_app_driver_get_cb(std::uint8_t* count) {
    *count = 1;
    return &board::kDriver;
}

const std::uint8_t* tud_descriptor_device_cb() { return usb::kDeviceDescriptor.data(); }
const std::uint8_t* tud_descriptor_configuration_cb(std::uint8_t index) {
    return index == 0 ? usb::kConfigurationDescriptor.data() : nullptr;
}
const std::uint8_t* tud_descriptor_bos_cb() { return usb::kBosDescriptor.data(); }

const std::uint16_t* tud_descriptor_string_cb(std::uint8_t index, std::uint16_t) {
    if (usb::string_descriptor(index, board::g_serial, board::g_string) == 0) return nullptr;
    return reinterpret_cast<const std::uint16_t*>(board::g_string.data());
}

bool tud_vendor_control_xfer_cb(std::uint8_t port, std::uint8_t stage, const tusb_control_request_t* request) {
    if (stage != CONTROL_STAGE_SETUP) return true;
    constexpr std::uint8_t vendor_in = 0xC0;  // one to the device that brought data would write to the flash
    if (request->bmRequestType != vendor_in || request->bRequest != usb::kMicrosoftRequest ||
        request->wIndex != usb::kMicrosoftDescriptorIndex)
        return false;
    return tud_control_xfer(port, request, const_cast<std::uint8_t*>(usb::kMicrosoftDescriptorSet.data()),
                            static_cast<std::uint16_t>(usb::kMicrosoftDescriptorSet.size()));
}

// TinyUSB acknowledges a configuration that is set already, and any interface, without telling the driver: it is heard
// of here, where each request without data is acknowledged (CMakeLists.txt has the linker's --wrap).
// NOLINTBEGIN(*-reserved-identifier,*-identifier-naming)
bool __real_tud_control_status(std::uint8_t port, const tusb_control_request_t* request);
bool __wrap_tud_control_status(std::uint8_t port, const tusb_control_request_t* request) {
    const bool configuration = request->bmRequestType == 0x00 && request->bRequest == TUSB_REQ_SET_CONFIGURATION;
    const bool interface = request->bmRequestType == 0x01 && request->bRequest == TUSB_REQ_SET_INTERFACE;
    if (configuration || interface) board::set_up_anew(port);
    return __real_tud_control_status(port, request);
}
// NOLINTEND(*-reserved-identifier,*-identifier-naming)

void tud_suspend_cb(bool) { board::g_ccid->suspended(); }
void tud_resume_cb() { board::g_ccid->resumed(); }

}  // extern "C"
