# shellcheck shell=bash disable=SC2034,SC2154 # names that story.sh sets and reads
# The demo's chapter about many keys at once.

tray_of_eight() {
    step 9 "A tray of eight keys is made at once, with their labels"
    mkdir tray
    "$python" "$here/make_orders.py" tray/orders.csv
    local states=() sockets=() number start
    for number in 1 2 3 4 5 6 7 8; do
        states+=(--state "tray/key$number.state")
        sockets+=(--socket "$dir/tray/$number")
    done
    sealkey-sim "${states[@]}" "${sockets[@]}" >tray.log 2>&1 </dev/null &
    echo $! >>pids
    wait_for "the eight virtual keys are there" eight_sockets
    # On a terminal its picture of the ports is seen as it moves.
    start=$EPOCHREALTIME
    if [ -t 1 ]; then
        make_tray 2>complaint || { complaint=$(cat complaint) && fail "failed: a tray of keys is made"; }
        line "eight keys are made, checked and labelled" "sealkey-bench run --labels" "$start"
    else
        did "eight keys are made, checked and labelled" "sealkey-bench run --labels" make_tray
        output=$(tail -n 10 <<<"$output")
        show 8
    fi
    did "the labels are read back from the PDF" "pdftotext" pdftotext -layout labels.pdf labels.txt
    [ "$(grep -o 'SK[0-9]\{10\}' labels.txt | sort -u | wc -l)" = 8 ] || fail "eight labels were to be there"
    did "their picture is made: labels.png" "pdftoppm" \
        pdftoppm -r 120 -mono -png -singlefile -x 0 -y 0 -W 992 -H 526 labels.pdf labels
    did "the eight keys are packed" "sealkey-bench parcel" pack_tray
    show 3
    step_done 9
}

make_tray() {
    SEALKEY_SIM_SOCKETS=$(printf '%s:' "$dir"/tray/[1-8] | sed 's/:$//') sealkey-bench run --passphrase-file ca.pass \
        --orders tray/orders.csv --birth-records tray --ports 8 --patience 60 --labels labels.pdf
}
eight_sockets() {
    local number
    for number in 1 2 3 4 5 6 7 8; do [ -S "$dir/tray/$number" ] || return 1; done
}
pack_tray() { grep -o 'SK[0-9]\{10\}' labels.txt | sort -u | sealkey-bench parcel packed --keys -; }
