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
# One test's own, from npm, where that can be had (tests/node has the archives' hashes); the test says that it was skipped
# where it can't.
if command -v npm >/dev/null && command -v node >/dev/null && [ ! -d build/node/node_modules/sm-crypto-v2 ]; then
    mkdir -p build/node
    cp tests/node/package*.json build/node
    timeout 60 npm ci --prefix build/node --ignore-scripts --no-audit --no-fund >build/npm.log 2>&1 ||
        { rm -rf build/node; echo "npm's sm-crypto-v2 can't be had (build/npm.log); its test will be skipped"; }
fi
# A clone elsewhere finds what another has compiled.
export CCACHE_BASEDIR=${CCACHE_BASEDIR-$PWD} CCACHE_NOHASHDIR=1
cmake --preset "$preset"
cmake --build --preset "$preset"
# Twice as many as there are cores: a test with pcscd in it spends most of its time waiting for pcscd to look at the reader.
exec ctest --test-dir "build/$preset" --output-on-failure -j "$((2 * $(nproc)))" "$@"
