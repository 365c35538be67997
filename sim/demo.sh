#!/usr/bin/env bash
# The whole story of a key on this machine: issued, activated, logged in with, stamped with, locked, unlocked, and
# unplugged at the worst moments. Virtual key, real pcscd, real clients.
#
#   sim/demo.sh           installs what is missing, builds, tells the story, and cleans up
#   sim/demo.sh --keep    leaves the key plugged in; sim/shell.sh opens a shell that sees it
#   sim/demo.sh --stop    ends what --keep left
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

# shellcheck source=sim/demo/folder.sh
. sim/demo/folder.sh
dir=$(demo_folder)
keep=
story=
case ${1-} in
    "") ;;
    --keep) keep=yes ;;
    --stop) ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
esac

require_own_folder sim/demo.sh "$dir"
build=${SEALKEY_BUILD:-$root/build/release}

# The story and what it started, wherever it is just now: it has a process group of its own.
stop_story() {
    [ -n "$story" ] || return 0
    kill -TERM -- "-$story" 2>/dev/null || true
    local deadline=$((SECONDS + 3))
    while kill -0 -- "-$story" 2>/dev/null && [ $SECONDS -lt $deadline ]; do read -r -t 0.05 <> <(:) || true; done
    kill -KILL -- "-$story" 2>/dev/null || true
    wait "$story" 2>/dev/null || true
    story=
}

stop_all() {
    # In namespaces everything ends with them; beside the system's pcscd each program is ended by itself.
    if grep -qs ^system "$dir/pcscd/pid"; then
        local portal pid
        for portal in "$dir/portal" "$dir/strict-portal"; do
            [ ! -d "$portal" ] || /usr/bin/python3 sim/portal.py stop "$portal" || true
        done
        while read -r pid; do
            kill "$pid" 2>/dev/null || true
        done < <(cat "$dir/pids" 2>/dev/null)
    fi
    sim/pcscd.sh stop "$dir/pcscd"
    rm -rf "$dir"
}

if [ "${1-}" = --stop ]; then
    [ -e "$dir/sealkey-demo" ] || { echo "nothing to stop in $dir"; exit 0; }
    stop_all
    echo "stopped; $dir is gone"
    exit 0
fi

# A folder that isn't a demo's is never removed.
if [ -e "$dir" ] && [ ! -e "$dir/sealkey-demo" ]; then
    echo "sim/demo.sh: $dir is there and isn't a demo's folder; remove it, or set SEALKEY_DEMO_DIR" >&2
    exit 2
fi

finish() {
    local status=$?
    trap - EXIT INT TERM HUP
    if [ "$status" -ne 0 ] && [ "$status" -ne 130 ]; then
        echo "sim/demo.sh: the demo failed (exit code $status)" >&2
    fi
    if [ -z "$keep" ] || [ "$status" -ne 0 ]; then
        stop_story
        [ ! -e "$dir/sealkey-demo" ] || stop_all
    fi
    exit "$status"
}

started=$SECONDS
if [ -z "${SEALKEY_BUILD-}" ]; then
    sim/setup.sh
    echo "building (the first time takes some minutes)"
    log=$(mktemp)
    if ! { cmake --preset release && cmake --build --preset release; } >"$log" 2>&1; then
        tail -n 30 "$log" >&2
        echo "sim/demo.sh: the build failed (all that it said: $log)" >&2
        exit 1
    fi
    rm -f "$log"
    echo "ready to start after $((SECONDS - started)) s"
fi

[ ! -e "$dir" ] || stop_all
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# Made here and by nobody else: mkdir fails where something of that name came up meanwhile.
(umask 077 && mkdir -p "$(dirname "$dir")" && mkdir "$dir" && : >"$dir/sealkey-demo")
sim/demo/environment.sh "$root" "$build" "$dir" >"$dir/environment"
sim/pcscd.sh start "$dir/pcscd"
setsid sim/pcscd.sh enter "$dir/pcscd" -- sim/demo/story.sh "$dir" &
story=$!
wait "$story"

if [ -n "$keep" ]; then
    cat "$dir/by-hand"
fi
