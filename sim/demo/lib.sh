# shellcheck shell=bash disable=SC2034 # what is set here is used by story.sh
# How the demo tells its story: a line for each thing done, with the program that did it and the time it took.

bold='' dim='' red='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' plain=$'\e[0m'; fi
story_start=$EPOCHREALTIME
step_start=$EPOCHREALTIME
things=0
output=    # what the last program said on its standard output
complaint= # and, where it failed, on standard error

seconds_since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'; }

# A step of a story that takes milliseconds is told in them.
time_since() {
    awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN { s = b - a; if (s < 1) printf "%4.0f ms", 1000 * s; else printf "%5.1f s", s }'
}

step() {
    step_start=$EPOCHREALTIME
    printf '\n%s%s  %s%s\n' "$bold" "$1" "$2" "$plain"
}

step_done() { printf '   %sstep %s: %s s%s\n' "$dim" "$1" "$(seconds_since "$step_start")" "$plain"; }

# line WHAT PROGRAM START
line() {
    things=$((things + 1))
    printf '   %7s  %s %s[%s]%s\n' "$(time_since "$3")" "$1" "$dim" "$2" "$plain"
}

# What a program said, set off; at most so many lines.
show() { printf '%s\n' "$output" | sed -n "1,${1:-6}{s/^/            | /;p}"; }

fail() {
    printf '%s%s%s\n' "$red" "$*" "$plain" >&2
    printf '%s\n' "$output" "$complaint" >&2
    exit 1
}

# did WHAT PROGRAM COMMAND...   the command must succeed; what it said is in $output
did() {
    local what=$1 by=$2 start=$EPOCHREALTIME
    shift 2
    output=$("$@" 2>complaint) || { complaint=$(cat complaint) && fail "failed: $what ($*)"; }
    line "$what" "$by" "$start"
}

# refused WHAT PROGRAM HOW COMMAND...   the command must fail: with the exit code HOW if that is a number, otherwise saying
# HOW (an extended regular expression; for programs whose messages aren't translated)
refused() {
    local what=$1 by=$2 how=$3 start=$EPOCHREALTIME status=0
    shift 3
    output=$("$@" 2>&1) || status=$?
    [ $status -ne 0 ] || fail "this should have been refused: $what ($*)"
    if [[ $how =~ ^[0-9]+$ ]]; then
        [ $status -eq "$how" ] || fail "refused, but with exit code $status, not $how: $what ($*)"
    else
        grep -qE -- "$how" <<<"$output" || fail "refused, but without the words $how: $what ($*)"
    fi
    line "$what" "$by" "$start"
}

# wait_for WHAT COMMAND...   until the command succeeds; 20 seconds at most
wait_for() {
    local what=$1 deadline=$((SECONDS + 20))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || fail "after 20 s still not: $what"
        read -r -t 0.05 <> <(:) || true
    done
}
