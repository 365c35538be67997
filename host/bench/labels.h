// Which keys get a label, and what stands on it.
#pragma once

#include "bench/inventory.h"
#include "bench/label_pdf.h"

namespace sealkey::bench {

// The words between the values, in the operator's language.
struct LabelWords {
    std::string valid_until;
    std::string holder;
};

struct MadeLabels {
    std::string pdf;
    int reprinted = 0;  // keys that had a label before
};

// Finished, not packed yet: those that wait for a label and a parcel.
[[nodiscard]] std::vector<std::string> unpacked_keys(Inventory& inventory);
// The finished keys of a tray's orders. Throws CaError unknown where there is no such tray.
[[nodiscard]] std::vector<std::string> finished_keys_of(Inventory& inventory, const std::string& batch);

// One label for each key, in this order. Throws CaError: policy (not finished, at its end, named twice), unknown,
// bad_argument (see draw_labels()).
[[nodiscard]] MadeLabels make_labels(Inventory& inventory, const std::vector<std::string>& serials,
                                     const LabelWords& words, LabelSheet sheet);
// In the audit trail, for each key, and whether it is another one.
void note_labels(Inventory& inventory, const std::string& operator_name, const std::vector<std::string>& serials);

}  // namespace sealkey::bench
