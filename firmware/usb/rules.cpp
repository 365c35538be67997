#include "usb/rules.h"

#include <limits>

#include "usb/ccid.h"

namespace sealkey::usb {

namespace {

constexpr std::uint32_t kAny = std::numeric_limits<std::uint32_t>::max();

consteval Rule supported(Command command, std::uint32_t longest = 0) {
    return {command, protocol::ccid::answer_to(command), true, longest};
}
consteval Rule refused(Command command) { return {command, protocol::ccid::answer_to(command), false, kAny}; }

constexpr Rule kRules[] = {
    supported(Command::power_on),
    supported(Command::power_off),
    supported(Command::slot_status),
    supported(Command::transfer, Ccid::kMaxCommand),
    supported(Command::get_parameters),
    supported(Command::reset_parameters),
    supported(Command::set_parameters, kDefaultParameters.size()),
    supported(Command::abort),
    refused(Command::escape),
    refused(Command::clock),
    refused(Command::t0_apdu),
    refused(Command::secure),
    refused(Command::mechanical),
    refused(Command::set_rate),
};
static_assert(std::size(kRules) == std::size(protocol::ccid::kExchanges));
constexpr Rule kUnknown = refused(Command{});

}  // namespace

const Rule& rule_of(Command command) {
    for (const Rule& rule : kRules) {
        if (rule.command == command) return rule;
    }
    return kUnknown;
}

}  // namespace sealkey::usb
