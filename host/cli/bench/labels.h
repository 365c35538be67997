// Labels as a PDF file, for `labels` and `run --labels`.
#pragma once

#include <string>
#include <vector>

#include "bench/label_pdf.h"
#include "cli/bench/bench_common.h"

namespace sealkey::cli {

enum class LabelFile {
    make,     // a file of this name is never touched
    replace,  // a PDF of this name is replaced, and nothing else is
};
// Throws Failed file_error where the labels can't go there. Before anything is done.
void require_label_place(const std::string& path, LabelFile how);
// Noted in the audit trail before the file is there: no label goes out unnoted. Tells and adds to the result.
void write_labels(Context& context, bench::Inventory& inventory, const std::string& operator_name,
                  const std::vector<std::string>& serials, const bench::LabelSheet& sheet, const std::string& path,
                  LabelFile how);

}  // namespace sealkey::cli
