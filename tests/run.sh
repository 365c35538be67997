#!/usr/bin/env bash
# Sets the machine up, builds sealkey, and runs its tests; arguments go on to ctest.
#
#   tests/run.sh                 everything that CI runs
#   tests/run.sh -L sweep        one label (docs/architecture.md lists them), or -R NAME
#   tests/run.sh --sanitize      every unit test under AddressSanitizer and UndefinedBehaviorSanitizer (preset debug);
#                                minutes more than the part that CI runs (label sanitize); -L sweep may follow
set -euo pipefail
cd "$(dirname "$0")/.."
preset=release
case ${1-} in
    --sanitize)
        preset=debug
        shift
        # Programs of Debian's can't load a module that has the sanitizer inside.
        set -- -LE 'clients|browser' "$@"
        ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
esac
sim/setup.sh --tests
# From npm, where that can be had (the lock files have the archives' hashes); the tests that need it say that they were skipped
# where it can't.
from_npm() { # PACKAGE FOLDER-OF-ITS-LIST FOLDER
    if [ -d "build/$3/node_modules/$1" ] || ! command -v npm >/dev/null || ! command -v node >/dev/null; then return; fi
    mkdir -p "build/$3"
    cp "$2"/package*.json "build/$3"
    timeout 60 npm ci --prefix "build/$3" --ignore-scripts --no-audit --no-fund >"build/npm-$3.log" 2>&1 ||
        { rm -rf "build/$3"; echo "npm's $1 can't be had (build/npm-$3.log); its tests will be skipped"; }
}
mkdir -p build
from_npm sm-crypto-v2 tests/node node
from_npm rp2040js sim/rp2040 rp2040js
# A clone elsewhere finds what another has compiled.
export CCACHE_BASEDIR=${CCACHE_BASEDIR-$PWD} CCACHE_NOHASHDIR=1
cmake --preset "$preset"
cmake --build --preset "$preset"
# Twice as many as there are cores: a test with pcscd in it spends most of its time waiting for pcscd to look at the reader.
exec ctest --test-dir "build/$preset" --output-on-failure -j "$((2 * $(nproc)))" "$@"
