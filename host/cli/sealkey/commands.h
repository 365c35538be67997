// The commands of `sealkey`: one file each, gathered in the table of main.cpp.
#pragma once

#include "cli/common/program.h"

namespace sealkey::cli {

Run define_list(CLI::App& command);
Run define_status(CLI::App& command);
Run define_wait(CLI::App& command);
Run define_activate(CLI::App& command);
Run define_check_pin(CLI::App& command);
Run define_change_pin(CLI::App& command);
Run define_unlock(CLI::App& command);
Run define_certificates(CLI::App& command);
Run define_export(CLI::App& command);
Run define_sign(CLI::App& command);
Run define_verify(CLI::App& command);
Run define_seal(CLI::App& command);
Run define_stamp(CLI::App& command);
Run define_renew(CLI::App& command);
Run define_browser(CLI::App& command);
Run define_doctor(CLI::App& command);

}  // namespace sealkey::cli
