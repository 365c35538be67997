#!/usr/bin/env bash
# Sets the machine up, builds sealkey, and runs its tests; arguments go on to ctest: tests/run.sh -L sweep
set -euo pipefail
cd "$(dirname "$0")/.."
sim/setup.sh --tests
cmake --preset release
cmake --build --preset release
exec ctest --test-dir build/release --output-on-failure -j "$(nproc)" "$@"
