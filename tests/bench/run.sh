#!/usr/bin/env bash
# Benchmarks: bare mbedTLS, the firmware in process, through pcscd, through our PKCS#11 module; login and first signature
# through our module, OpenSC's and ykcs11 on the same token.
#
#   tests/bench/run.sh [OUT.json [--seconds S] [--repeat N]]      (default: build/bench.json)
#   tests/bench/run.sh --modules [OUT.json [--repeat N] [--docs]] (default: build/bench-modules.json)
#
# --modules: what programs do from loading to a TLS handshake, through the three modules, with commands, bytes, times and
# memory; --docs writes that table into docs/pkcs11-module.md.
#
# Prints tables and writes the figures as JSON. Needs what sim/setup.sh --tests installs.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=build/bench.json
script=compare.py
if [ "${1-}" = --modules ]; then
    out=build/bench-modules.json
    script=modules.py
    shift
fi
if [ $# -gt 0 ] && [ "${1#--}" = "$1" ]; then
    out=$1
    shift
fi
mkdir -p "$(dirname "$out")"
export SEALKEY_BUILD=${SEALKEY_BUILD:-$PWD/build/release}
if [ "$SEALKEY_BUILD" = "$PWD/build/release" ]; then
    cmake --preset release >build/bench-build.log 2>&1 || { cat build/bench-build.log >&2; exit 1; }
fi
cmake --build "$SEALKEY_BUILD" --target bench_signatures bench_first_signature bench_steps sealkey-sim sealkey-pkcs11 \
    >build/bench-build.log 2>&1 || { tail -n 40 build/bench-build.log >&2; exit 1; }
# Debian's own interpreter: its packages (pyscard) are installed for that one.
# libykcs11 takes no reader but a Yubico one.
exec sim/pcscd.sh run --reader "Yubico YubiKey CCID" -- /usr/bin/python3 "tests/bench/$script" "$out" "$@"
