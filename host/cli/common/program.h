// The frame of a program with subcommands: `sealkey` and `sealkey-bench` are each a table of these.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>

#include "cli/common/failure.h"
#include "cli/common/i18n.h"
#include "cli/common/keys.h"
#include "cli/common/output.h"
#include "cli/common/progress.h"
#include "cli/common/secret_input.h"

namespace sealkey::cli {

// What every command is given.
struct Context {
    Output out;
    KeyChoice choice;  // --serial, --reader
};

// Does the work; throws Failed (or what the rooms below throw, which is explained), or returns for exit code 0.
// To end with another code and still print a result, set `out.result` and return that code.
using Run = std::function<Exit(Context&)>;

// A command adds its options to `command`, kept alive by what it returns.
struct Subcommand {
    const char* name;     // "change-pin"
    const char* summary;  // mark("..."), one line
    Run (*define)(CLI::App& command);
};

struct Program {
    const char* name;     // also the domain of its messages
    const char* summary;  // mark("...")
    std::span<const Subcommand> commands;
    bool chooses_key = true;  // adds --serial and --reader to every command
};

// Parses, runs, prints, and returns the exit code. With --json standard output is exactly one document:
// the command's result with "ok": true, or {"ok": false, "error": {"code", "name", "message", ...}}.
[[nodiscard]] int run_program(const Program& program, int argc, char** argv);

}  // namespace sealkey::cli
