# shellcheck shell=bash
# Where a kept demo lies, and whether that folder may be trusted. Others can write in /tmp: what isn't this user's own, and
# closed to everyone else, is neither read nor run nor removed.

# One kept demo a user; SEALKEY_DEMO_DIR puts it elsewhere.
demo_folder() { printf '%s' "${SEALKEY_DEMO_DIR:-${TMPDIR:-/tmp}/sealkey-demo-$(id -u)}"; }

# require_own_folder PROGRAM DIR   ends the program unless DIR is absent or the user's own (no link, mode 0700)
require_own_folder() {
    [ -e "$2" ] || [ -L "$2" ] || return 0
    if [ -L "$2" ] || [ ! -d "$2" ] || [ "$(stat -c %u:%a -- "$2")" != "$(id -u):700" ]; then
        echo "$1: $2 isn't a demo's folder of yours (a folder, no link, yours alone); remove it, or set SEALKEY_DEMO_DIR" >&2
        exit 2
    fi
}
