#!/usr/bin/env bash
# A shell that sees the key which sim/demo.sh --keep left plugged in. With -c COMMAND it runs that and ends.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=sim/demo/folder.sh
. sim/demo/folder.sh
dir=$(demo_folder)
require_own_folder sim/shell.sh "$dir"
if [ ! -e "$dir/sealkey-demo" ]; then
    echo "sim/shell.sh: no key was kept. Run sim/demo.sh --keep first" >&2
    exit 2
fi
if [ "${1-}" = -c ]; then
    exec sim/pcscd.sh enter "$dir/pcscd" -- bash -c ". '$dir/environment'; cd '$dir'; $2"
fi
cat >"$dir/rc" <<TEXT
[ ! -f ~/.bashrc ] || . ~/.bashrc
. '$dir/environment'
cd '$dir'
PS1='sealkey demo:\w\\$ '
cat '$dir/by-hand'
TEXT
exec sim/pcscd.sh enter "$dir/pcscd" -- bash --rcfile "$dir/rc" -i
