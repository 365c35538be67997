#!/usr/bin/env bash
# Unit tests under AddressSanitizer and UndefinedBehaviorSanitizer: builds those that tests/CMakeLists.txt names in the
# fuzz preset, whose libraries are built with both anyway, and runs each program whole.
#
#   sanitize.sh [PROGRAM...]      (test_store, for instance; default: all of them)
#
# Prints tests and seconds of each; exit 1 if one failed or nothing ran. All that they said lies in build/fuzz/sanitize.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build
cmake --preset fuzz >build/fuzz-configure.log 2>&1 || { cat build/fuzz-configure.log; exit 1; }
cmake --build --preset fuzz --target "${@:-sanitize_targets}" >build/sanitize-build.log 2>&1 ||
    { tail -n 60 build/sanitize-build.log; exit 1; }

export LOGS=build/fuzz/sanitize
export LSAN_OPTIONS="suppressions=$PWD/tests/support/lsan.supp:print_suppressions=0"
export UBSAN_OPTIONS=print_stacktrace=1
export LLVM_PROFILE_FILE=/dev/null
mkdir -p "$LOGS"

one() {
    local name=${1##*/} begin=$SECONDS
    local log=$LOGS/$name.log
    if ! timeout 600 "$1" >"$log" 2>&1; then
        grep -aE -A40 '^\[  FAILED|ERROR: |runtime error' "$log" | head -n 80
        tail -n 20 "$log"
        echo "$name: FAILED, see $log"
        return 1
    fi
    local tests
    tests=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) tests*\.$/\1/p' "$log")
    [ "${tests:-0}" -gt 0 ] || { echo "$name: FAILED, no test ran"; return 1; }
    printf '%-14s %4s tests  %3s s\n' "$name" "$tests" "$((SECONDS - begin))"
}
export -f one

programs=$(<build/fuzz/tests/sanitized.txt)
if [ $# -gt 0 ]; then
    programs=$(for name in "$@"; do grep "/$name\$" <<<"$programs" || { echo "$name is none of them" >&2; exit 1; }; done)
fi
xargs -P "$(nproc)" -I{} bash -c 'one "$1"' _ {} <<<"$programs"
