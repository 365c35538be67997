#include "applet/factory.h"

#include <algorithm>

#include "iso7816/apdu.h"
#include "protocol/factory.h"
#include "protocol/key.h"

namespace sealkey::applet {

namespace {

using protocol::StatusWord;

std::size_t answer(StatusWord status, MutableBytes response, std::size_t data = 0) {
    store_be16(response.data() + data, status);
    return data + 2;
}

}  // namespace

Status FactoryDoor::power_on() {
    const Status started = token_.power_on();
    state_ = started ? State::made : started.error() == Error::not_found ? State::blank : State::failed;
    if (state_ == State::blank) platform_.indicator.show(platform::Indication::idle);
    return started;
}

std::size_t FactoryDoor::transmit(Bytes command, MutableBytes response) {
    switch (state_) {
        case State::made:
            return token_.transmit(command, response);
        case State::failed:
            return answer(sw::self_test_failed, response);
        case State::blank:
            break;
    }
    const StatusWord status = manufacture(command);
    if (status != sw::ok || response.size() < sizeof platform_.chip_id + 2) return answer(status, response);
    std::copy(std::begin(platform_.chip_id), std::end(platform_.chip_id), response.begin());
    return answer(status, response, sizeof platform_.chip_id);
}

StatusWord FactoryDoor::manufacture(Bytes command) {
    const auto parsed = iso7816::parse_command(command);
    if (!parsed) return parsed.error();
    if (parsed->header.cla != protocol::kClaOwn || parsed->header.ins != protocol::kInsManufacture) {
        return sw::conditions_not_satisfied;
    }
    if (parsed->header.p1p2() != 0) return sw::wrong_p1p2;
    if (parsed->data.size() != protocol::kManufactureSize) return sw::wrong_length;
    constexpr std::size_t key = protocol::kManufactureSize / 3;
    channel::Keys keys;
    keys.enc.assign(parsed->data.first(key));
    keys.mac.assign(parsed->data.subspan(key, key));
    keys.dek.assign(parsed->data.last(key));
    // Now and at no start: a start that took a made key's flash for blank would destroy what it holds. And one whose
    // writing a power cut tore, which may read right once, isn't taken for good.
    const bool renewed = platform_.device_secret.renew(platform_.entropy);
    const Status made = renewed ? token_.manufacture(keys) : Status(Error::flash_failure);
    keys.clear();
    // It counts when the token starts with it; a flash that fails here leaves the door open for another try.
    if (!made || !power_on()) return sw::memory_failure;
    return sw::ok;
}

}  // namespace sealkey::applet
