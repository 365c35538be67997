// What each message must look like, what answers it, and whether this reader does it.
#pragma once

#include <cstdint>

#include "protocol/ccid.h"

namespace sealkey::usb {

struct Rule {
    protocol::ccid::Command command;
    protocol::ccid::AnswerType answer;
    bool supported;
    std::uint32_t longest;  // of its data
};
// Of a type that is no command: the rule of an unsupported one, whose `command` differs.
[[nodiscard]] const Rule& rule_of(protocol::ccid::Command command);

}  // namespace sealkey::usb
