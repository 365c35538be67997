#!/usr/bin/env bash
# Builds the fuzz targets (preset fuzz) and runs each on its corpus.
#
#   run.sh [SECONDS [TARGET...]]
#   run.sh --coverage            only the seeds, once each: do they still reach the branches that they should?
#
# SECONDS is the whole run's length, shared by the targets over the processors (default 120). The seeds in corpus/ are
# only read; what is found on the way stays in build/fuzz/found. Prints executions and coverage of each target; exit 1 if
# one crashed, with the input's path.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build

cmake --preset fuzz >build/fuzz-configure.log 2>&1 || { cat build/fuzz-configure.log; exit 1; }
cmake --build --preset fuzz --target fuzz_targets >build/fuzz-build.log 2>&1 || { tail -n 60 build/fuzz-build.log; exit 1; }

if [ "${1-}" = --coverage ]; then
    exec python3 tests/fuzz/coverage.py build/fuzz
fi
export LLVM_PROFILE_FILE=/dev/null
seconds=${1:-120}
shift || true
if [ $# -gt 0 ]; then
    targets=("$@")
else
    mapfile -t targets < <(sed -n 's/^sealkey_fuzz(\([a-z0-9_]*\).*/\1/p' tests/fuzz/CMakeLists.txt)
fi
[ ${#targets[@]} -gt 0 ] || { echo "no fuzz targets"; exit 1; }
jobs=$(nproc)
share=$((seconds * jobs / ${#targets[@]}))
[ "$share" -ge 1 ] || share=1

one() {
    local name=$1 share=$2 found=build/fuzz/found/$1
    mkdir -p "$found"
    local log=build/fuzz/$name.log
    local seeds=tests/fuzz/corpus/$name
    [ -d "$seeds" ] || { echo "$name: no seeds in $seeds"; return 1; }
    if ! "build/fuzz/tests/fuzz/fuzz_$name" -max_total_time="$share" -timeout=20 -rss_limit_mb=2048 -max_len=8192 -use_value_profile=1 \
        -print_final_stats=1 -artifact_prefix="$found/crash-" "$found" "$seeds" >"$log" 2>&1; then
        tail -n 60 "$log"
        echo "$name: FAILED"
        return 1
    fi
    local runs coverage
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
    [ "${runs:-0}" -gt 0 ] || { echo "$name: FAILED, nothing was executed"; return 1; }
    printf '%-16s %9s runs  %5s edges  %3s s\n' "$name" "$runs" "$coverage" "$share"
}
export -f one
printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I{} bash -c 'one "$1" "$2"' _ {} "$share"
