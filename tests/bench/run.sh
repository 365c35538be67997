#!/usr/bin/env bash
# Benchmarks: bare mbedTLS, the firmware in process, through pcscd, through our PKCS#11 module; login and first signature
# through our module, OpenSC's and ykcs11 on the same token.
#
#   tests/bench/run.sh [OUT.json [--seconds S] [--repeat N]]      (default: build/bench.json)
#
# Prints tables and writes the figures as JSON. Needs what sim/setup.sh --tests installs.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/bench.json
if [ $# -gt 0 ] && [ "${1#--}" = "$1" ]; then
    out=$1
    shift
fi
mkdir -p "$(dirname "$out")"
export SEALKEY_BUILD=${SEALKEY_BUILD:-$PWD/build/release}
if [ "$SEALKEY_BUILD" = "$PWD/build/release" ]; then
    cmake --preset release >build/bench-build.log 2>&1 || { cat build/bench-build.log >&2; exit 1; }
fi
cmake --build "$SEALKEY_BUILD" --target bench_signatures bench_first_signature sealkey-sim sealkey-pkcs11 \
    >build/bench-build.log 2>&1 || { tail -n 40 build/bench-build.log >&2; exit 1; }
# Debian's own interpreter: its packages (pyscard) are installed for that one.
# libykcs11 takes no reader but a Yubico one.
exec sim/pcscd.sh run --reader "Yubico YubiKey CCID" -- /usr/bin/python3 tests/bench/compare.py "$out" "$@"
