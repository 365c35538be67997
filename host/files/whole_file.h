// Files that are there whole or not at all, whatever happens: a full disk, a crash, power gone.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/bytes.h"

namespace sealkey::files {

enum class Existing {
    replace,  // the former file stays as it was until the new one is whole
    keep,     // a file of this name is never touched: EEXIST
};

enum class Lasting {
    yes,  // on the disk when the call is back
    no,   // when the system comes to it: a cut of power may leave a part, which whoever reads it has to notice
};

// Written beside `path` under another name, brought to the disk, then given its name. Throws std::system_error with the
// errno of what failed; then nothing has changed, and nothing is left behind.
void write_whole(const std::string& path, Bytes content, mode_t mode, Existing existing,
                 Lasting lasting = Lasting::yes);

// All of it to a descriptor; false, with errno set, if not.
[[nodiscard]] bool write_all(int descriptor, Bytes content);

}  // namespace sealkey::files
