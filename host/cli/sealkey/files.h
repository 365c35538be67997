// Files that commands read and write.
#pragma once

#include <string>

#include "base/bytes.h"

namespace sealkey::cli {

// Writes beside the file first and renames, so that an interrupted command leaves the old file or the new one; "-" is
// standard output. Throws Failed file_error.
void write_file(const std::string& path, Bytes content);

}  // namespace sealkey::cli
