#!/usr/bin/env bash
# Prints the settings under which the demo's programs and sim/shell.sh run: environment.sh ROOT BUILD DEMO-FOLDER
set -euo pipefail
root=$1 build=$2 dir=$3
cat <<TEXT
export SEALKEY_ROOT='$root'
export DEMO='$dir'
export PATH="$build/host/cli:$build/sim:\$PATH:/usr/sbin:/sbin"
export MODULE='$build/pkcs11-module/libsealkey-pkcs11.so'
export PKCS11_MODULE_PATH="\$MODULE"
unset SEALKEY_SIM_SOCKETS SEALKEY_PIN SEALKEY_NEW_PIN
TEXT
