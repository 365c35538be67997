// A finished key on its way: packed, shipped, at the authority, delivered, or back. And an order whose key never comes
// back to the bench.
#pragma once

#include "bench/inventory.h"

namespace sealkey::bench {

// What a label's QR code holds, and what comes from a scanner: "SEALKEY:1:SK2600000013:91350100M000100Y43:20281121:2",
// the form's version, serial number, unified social credit code, last valid day, which of the enterprise's keys.
[[nodiscard]] std::string label_text(const TokenRow& row, const std::string& valid_until);
// The serial number in what was typed or scanned. Throws CaError bad_argument.
[[nodiscard]] std::string serial_of_scan(const std::string& text);

// The event happens to all of these keys or to none. Throws CaError: policy (a state doesn't allow it, the key isn't
// finished, a key stands there twice), unknown.
void move_keys(Inventory& inventory, const std::string& operator_name, const std::vector<std::string>& serials,
               TokenEvent event, const std::string& note);

// It can't be used any more. Its certificates stay as they are until it is replaced or revoked: nobody else has it.
void report_damaged(Inventory& inventory, const std::string& operator_name, const std::string& serial,
                    const std::string& why);

// The making of this key is given up: what it has of certificates is revoked, its login name is free again, and its
// order, of a tray or by itself, may be made with another key. Returns how many certificates were revoked. Throws
// CaError: policy (finished, given up before, no reason), unknown.
int give_up(Inventory& inventory, const std::string& operator_name, const std::string& serial, const std::string& why);

// The step of a key that was given up.
inline constexpr char kGivenUp[] = "given-up";

}  // namespace sealkey::bench
