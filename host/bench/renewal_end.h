// The way out of a renewal that neither key nor CA can finish: its manifest has left the CA (PROVEN), and the key has
// dropped the keys that the manifest is for. Only at the desk, by the key's own word over its channel: what an
// enterprise's program says by the network could be of an earlier day, or of somebody in between.
#pragma once

#include "bench/crl_file.h"
#include "bench/renewal_desk.h"
#include "ca/channel_master.h"
#include "token/token.h"

namespace sealkey::bench {

struct EndOrder {
    std::string remark;  // why; the enterprise reads it
    std::string operator_name;
};
struct EndedRenewal {
    RenewalRow row;
    WrittenCrl list;
};
// The key's PROVEN renewal becomes REFUSED, the certificates issued for it are revoked, and a revocation list with them
// is written. Throws CaError policy, with nothing changed, where the renewal is in another state (APPROVED, REQUESTED
// and ISSUED ones are refused at the desk alone) or the key could commit it yet or has done so; AttestationRefused
// where the old keys aren't in their slots any more; quality where the channel's keys don't open the key.
[[nodiscard]] EndedRenewal end_at_desk(Inventory& inventory, const ca::Authority& authority, const DeskKeys& keys,
                                       const ca::ChannelMaster& master, token::Token& token, const EndOrder& order);

}  // namespace sealkey::bench
