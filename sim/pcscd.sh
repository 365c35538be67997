#!/usr/bin/env bash
# A pcscd of one's own, in its own mount, network and process namespaces, with vpcd's virtual reader.
#
#   sim/pcscd.sh run   [--reader NAME] [--pairs N] -- COMMAND...   runs COMMAND beside such a pcscd, which ends with it
#   sim/pcscd.sh start [--reader NAME] [--pairs N] DIR   starts one that stays; DIR keeps track of it
#   sim/pcscd.sh enter DIR -- COMMAND...                 runs COMMAND where that one is seen
#   sim/pcscd.sh stop  DIR                               ends it with everything that was started in it
#
# The reader is called "NAME 00 00" (a second one "NAME 00 01"); sealkey-sim reaches them at 127.0.0.1 port 35963 and
# 35964. More pairs than one are "NAME 2 00 00" and on, at the ports that follow. Inside, 127.0.0.1 is the namespace's own: no port is taken outside. Where namespaces are forbidden (in some
# containers) this says so and uses the system's pcscd; then only one at a time can run.
set -euo pipefail

self=$(readlink -f "${BASH_SOURCE[0]}")
reader="Sealkey Virtual"
pairs=1
driver=/usr/lib/pcsc/drivers/serial/libifdvpcd.so
port=0x8C7B # 35963

die() {
    echo "sim/pcscd.sh: $*" >&2
    exit 2
}

# Options of unshare(1) for this user; empty where namespaces are forbidden.
unshare_options() {
    local options=(--net --mount --pid --fork --mount-proc --kill-child=KILL)
    [ "$(id -u)" -eq 0 ] || options=(--map-root-user "${options[@]}")
    if unshare "${options[@]}" true 2>/dev/null; then
        echo "${options[*]}"
    fi
}

check_tools() {
    local tool
    for tool in pcscd unshare ip; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null || die "$tool is missing: run sim/setup.sh"
    done
    [ -e "$driver" ] || die "the virtual reader's driver is missing ($driver): run sim/setup.sh"
}

# ---- inside the namespaces -------------------------------------------------------------------------------------------

write_config() {
    local pair name=$reader copy at
    mkdir -p "$1"
    : >"$1/reader.conf"
    for ((pair = 0; pair < pairs; pair++)); do
        # pcscd numbers the readers of one driver alone.
        [ "$pair" -eq 0 ] || name="$reader $((pair + 1))"
        # The driver keeps its readers in itself, two of them: a pair more takes a copy (pcscd passes over hidden files).
        copy=$driver
        [ "$pair" -eq 0 ] || { copy=$1/.libifdvpcd-$pair.so && cp "$driver" "$copy"; }
        at=$(printf '0x%X' $((port + 2 * pair)))
        printf 'FRIENDLYNAME "%s"\nDEVICENAME /dev/null:%s\nLIBPATH %s\nCHANNELID %s\n' \
            "$name" "$at" "$copy" "$at" >>"$1/reader.conf"
    done
}

# Waits until pcscd answers at its socket; 10 seconds at most.
wait_for_pcscd() {
    local deadline=$((SECONDS + 10))
    until [ -S /run/pcscd/pcscd.comm ]; do
        kill -0 "$1" 2>/dev/null || die "pcscd ended: $(tail -n 3 "$2" 2>/dev/null)"
        [ $SECONDS -lt $deadline ] || die "pcscd doesn't come up: $(tail -n 3 "$2")"
        read -r -t 0.02 <> <(:) || true
    done
}

inside() {
    local ready=$1
    shift
    export PATH=$PATH:/usr/sbin:/sbin
    ip link set lo up
    # The machine's own pcscd, if there is one, is not seen from here on.
    if [ -d /run/pcscd ]; then
        mount -t tmpfs -o mode=755 sealkey-pcscd /run/pcscd
    else
        mount -t tmpfs -o mode=755 sealkey-run /run
        mkdir /run/pcscd
    fi
    write_config /run/pcscd/conf
    pcscd --foreground --config /run/pcscd/conf >/run/pcscd/log 2>&1 &
    local pcscd=$!
    wait_for_pcscd "$pcscd" /run/pcscd/log
    export SEALKEY_PCSCD=private
    if [ -n "$ready" ]; then
        echo ready >"$ready"
    fi
    # Not exec: this shell is the namespace's first process, and all else dies with it.
    local status=0
    "$@" || status=$?
    exit "$status"
}

# ---- where namespaces are forbidden ----------------------------------------------------------------------------------

# Starts the system's pcscd where it isn't running; sets `started` to its pid then.
system_pcscd() {
    echo "sim/pcscd.sh: namespaces are forbidden here (a container?): using the system's pcscd" >&2
    # The one file that is the same for all who would start it; a name in /tmp could be another user's link.
    exec 8<"$(PATH=$PATH:/usr/sbin command -v pcscd)"
    flock 8
    started=
    if ! pgrep -x pcscd >/dev/null; then
        [ "$(id -u)" -eq 0 ] || die "the system's pcscd isn't running and only root can start it: start it, or run this as root"
        local work
        work=$(mktemp -d)
        write_config "$work"
        mkdir -p /run/pcscd
        rm -f /run/pcscd/pcscd.comm
        PATH=$PATH:/usr/sbin pcscd --foreground --config "$work" >"$work/log" 2>&1 8>&- &
        started=$!
        wait_for_pcscd "$started" "$work/log"
    fi
    export SEALKEY_PCSCD=system
}

run_on_system() {
    system_pcscd
    local child=
    trap '[ -z "$child" ] || kill "$child" 2>/dev/null || true; [ -z "$started" ] || kill "$started" 2>/dev/null || true' EXIT
    trap 'exit 130' INT TERM
    "$@" 8>&- &
    child=$!
    local status=0
    wait "$child" || status=$?
    child=
    exit "$status"
}

# ---- commands --------------------------------------------------------------------------------------------------------

run() {
    check_tools
    local options
    options=$(unshare_options)
    [ -n "$options" ] || run_on_system "$@"
    # shellcheck disable=SC2086 # a list of options
    exec unshare $options "$self" inside "$reader" "$pairs" "" "$@"
}

start() {
    check_tools
    local dir=$1 options
    mkdir -p "$dir"
    rm -f "$dir/ready" "$dir/pid"
    options=$(unshare_options)
    if [ -z "$options" ]; then
        system_pcscd
        echo "system ${started:-0}" >"$dir/pid"
        return
    fi
    mkfifo "$dir/ready"
    # shellcheck disable=SC2086
    setsid unshare $options "$self" inside "$reader" "$pairs" "$dir/ready" sleep infinity >"$dir/log" 2>&1 </dev/null &
    local outer=$! word=
    read -r -t 15 word <>"$dir/ready" || true
    rm -f "$dir/ready"
    if [ "$word" != ready ]; then
        kill "$outer" 2>/dev/null || true
        die "the private pcscd didn't start: $(tail -n 5 "$dir/log")"
    fi
    # The first process inside is unshare's only child.
    echo "private $outer $(pgrep -P "$outer" | head -n 1)" >"$dir/pid"
}

enter() {
    local dir=$1 kind outer inner
    shift
    [ "${1-}" = -- ] && shift
    [ -f "$dir/pid" ] || die "nothing runs in $dir"
    read -r kind outer inner <"$dir/pid"
    if [ "$kind" = system ]; then
        SEALKEY_PCSCD=system exec "$@"
    fi
    kill -0 "$inner" 2>/dev/null || die "what ran in $dir has ended"
    local options=(--net --mount --pid --target "$inner" --wd="$PWD")
    [ "$(id -u)" -eq 0 ] || options=(--user --preserve-credentials "${options[@]}")
    SEALKEY_PCSCD=private exec nsenter "${options[@]}" -- "$@"
}

stop() {
    local dir=$1 kind outer rest
    [ -f "$dir/pid" ] || return 0
    read -r kind outer rest <"$dir/pid"
    if [ "$outer" -gt 1 ]; then
        kill -KILL "$outer" 2>/dev/null || true
        while kill -0 "$outer" 2>/dev/null; do read -r -t 0.02 <> <(:) || true; done
    fi
    rm -f "$dir/pid"
}

command=${1-}
[ $# -eq 0 ] || shift
if [ "$command" = inside ]; then
    reader=$1
    pairs=$2
    shift 2
    inside "$@"
fi
if [ "${1-}" = --reader ]; then
    reader=${2:?--reader takes a name}
    shift 2
fi
if [ "${1-}" = --pairs ]; then
    pairs=${2:?--pairs takes a number}
    [[ $pairs =~ ^[1-8]$ ]] || die "pcscd has room for 8 pairs of readers at most"
    shift 2
fi
[ "${1-}" != -- ] || shift
case $command in
    run) [ $# -gt 0 ] || die "run takes a command"; run "$@" ;;
    start | stop) [ $# -eq 1 ] || die "$command takes a folder"; "$command" "$1" ;;
    enter) [ $# -gt 1 ] || die "enter takes a folder and a command"; enter "$@" ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$self"; exit 0 ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$self" >&2; exit 2 ;;
esac
