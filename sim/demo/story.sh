#!/usr/bin/env bash
# The demo's story, told where the private pcscd is seen: story.sh DEMO-FOLDER (sim/demo.sh starts it).
set -euo pipefail
dir=$1
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source=/dev/null
. "$dir/environment"
# shellcheck source=sim/demo/lib.sh
. "$here/lib.sh"
# shellcheck source=sim/demo/renewal.sh
. "$here/renewal.sh"
# shellcheck source=sim/demo/tray.sh
. "$here/tray.sh"
cd "$dir"
export SEALKEY_CA_DIR=$dir/ca SEALKEY_OPERATOR=demo
trap 'kill $(jobs -p) 2>/dev/null || true; exit 143' INT TERM HUP

enterprise="福建示例进出口有限公司"
english="Fujian Example Import and Export Co., Ltd."
code=91350100M000100Y43
login_name=EXAMPLE1
port=8443
strict_port=8444
python=/usr/bin/python3 # Debian's own, whatever else is on the PATH

# ---- small tools -----------------------------------------------------------------------------------------------------

control() { "$python" "$here/control.py" "$@"; }
# No line end: OpenSSL's engine takes the whole file for the PIN.
secret_file() { (umask 077 && printf '%s' "$2" >"$1"); }

# simulate NAME PORT OPTIONS...   a virtual key in a reader
simulate() {
    local name=$1 reader_port=$2
    shift 2
    sealkey-sim --state "$name.state" --reader-port "$reader_port" --control "$name.control" "$@" \
        >"$name.log" 2>&1 </dev/null &
    echo $! | tee -a pids >"$name.pid"
    wait_for "the virtual key $name starts" control "$name.control" status
}
# Its reader is free for another one.
end_simulation() {
    local pid
    pid=$(cat "$1.pid")
    control "$1.control" quit >/dev/null
    wait "$pid" || true
    sed -i "/^$pid\$/d" pids
    rm -f "$1.pid"
}
plugged() { [ "$(control "$1.control" status in_reader)" = true ]; }
seen() { LC_ALL=C sealkey --json list | grep -q '"serial"'; }

portal_says() {
    local key="pkcs11:serial=$serial;id=%01;type=private;pin-source=file:$dir/$1"
    curl -sS --max-time 60 --cacert portal/server-ca.pem --engine pkcs11 --key-type ENG --cert-type ENG \
        --key "$key" --cert "pkcs11:serial=$serial;id=%01;type=cert" "https://localhost:$port/"
}
portal_logs_in() { portal_says "$1" >portal.answer && grep -q "enterprise: $enterprise" portal.answer; }

# flash_operations NAME COMMAND...   how many flash operations the command takes
flash_operations() {
    local name=$1 before after
    shift
    before=$(control "$name.control" status flash_operations)
    "$@" >/dev/null 2>&1
    after=$(control "$name.control" status flash_operations)
    echo $((after - before))
}

# cut_in NAME WHAT OPERATIONS COMMAND...   runs the command and cuts the power in its middle; fails if nothing tore
cut_in() {
    local name=$1 what=$2 operations=$3 start=$EPOCHREALTIME torn
    shift 3
    [ "$operations" -gt 0 ] || fail "$what takes no flash operation"
    control "$name.control" "cut $(((operations + 1) / 2)) subset" >/dev/null
    output=$("$@" 2>&1) && [ "$(control "$name.control" last-cut cut)" = false ] && fail "the power was never cut in: $what"
    control "$name.control" disarm >/dev/null
    report=$(control "$name.control" last-cut) || fail "no report of the cut"
    torn=$(control "$name.control" last-cut torn)
    [ "$torn" -gt 0 ] || fail "nothing tore in: $what ($report)"
    line "the power is cut in $what" "sealkey-sim" "$start"
    output="command:         $(control "$name.control" last-cut command)
flash operation: $(control "$name.control" last-cut operation), number $(control "$name.control" last-cut number) of $operations, at $(control "$name.control" last-cut offset)
bytes torn:      $torn of $(control "$name.control" last-cut to_change) that it was changing"
    show
    wait_for "$name is plugged in again" plugged "$name"
}

# ---- the story -------------------------------------------------------------------------------------------------------

made_and_issued() {
    step 1 "A certificate authority is made; a key is issued for an enterprise"
    secret_file ca.pass "demo passphrase of the authority"
    did "a certificate authority is made" "sealkey-bench ca init" \
        sealkey-bench ca init --name "Demo Provider" --passphrase-file ca.pass
    cat ca/root.pem ca/issuing.pem >client-ca.pem
    "$python" "$here/draw_seal.py" seal.png
    simulate key 35963
    wait_for "the key is in the reader" plugged key
    wait_for "pcscd sees it" opensc-tool --reader 0 --atr
    did "a blank virtual key is plugged in" "sealkey-sim, pcscd" opensc-tool --list-readers
    show 3
    did "a key is issued for $enterprise over its secure channel, and checked by OpenSC" "sealkey-bench issue, SCP03" \
        sealkey-bench --json issue --passphrase-file ca.pass --birth-record key.state.birth.json --name "$enterprise" \
        --english-name "$english" --code $code --login-name $login_name --user "Chen Min" --request 2024-0001 \
        --seal-image seal.png
    serial=$(json_field serial)
    echo "export SERIAL=$serial" >>environment
    did "it is in the inventory" "sealkey-bench inventory" sealkey-bench inventory list
    show
    step_done 1
}

activated() {
    step 2 "The key is activated"
    secret_file pin 853197
    did "its activation code is made; it travels apart from the key" "sealkey-bench activation-code" \
        sealkey-bench --serial "$serial" activation-code --passphrase-file ca.pass --code-file activation.code
    did "the clerk activates the key and chooses the first PIN" "sealkey activate" \
        sealkey activate --code-file activation.code --new-pin-file pin
    did "it is ready" "sealkey status" sealkey status
    show 12
    step_done 2
}

logged_in() {
    step 3 "The enterprise logs in to a portal"
    did "a portal starts: TLS 1.3, asks for a certificate" "nginx" \
        "$python" "$SEALKEY_ROOT/sim/portal.py" start portal --client-ca client-ca.pem --port $port
    did "the clerk logs in with the key" "curl, OpenSSL engine pkcs11, libsealkey-pkcs11.so" portal_logs_in pin
    output=$(cat portal.answer)
    show
    refused "without a key the portal refuses" "nginx, curl" "400|certificate required|No required" \
        curl -sS -f --max-time 30 --cacert portal/server-ca.pem "https://localhost:$port/"
    step_done 3
}

stamped() {
    step 4 "A licence application is stamped and signed"
    "$python" "$here/make_application.py" application.pdf "$english" $code
    did "the seal goes on page 1, signed with 9C" "sealkey stamp" \
        sealkey stamp application.pdf stamped.pdf --page 1 --at 130,230 --pin-file pin --seal-ca ca/seal-root.pem
    did "another program accepts the stamped document" "pdfsig" pdf_accepted stamped.pdf
    show 12
    change_byte stamped.pdf spoiled.pdf
    refused "and refuses it with one byte changed" "pdfsig" "Digest Mismatch" pdf_accepted spoiled.pdf
    did "the application is signed as detached CMS" "sealkey sign" \
        sealkey sign application.pdf --output application.p7s --pin-file pin
    did "another program accepts the signature" "openssl cms -verify" cms_accepted application.pdf
    change_byte application.pdf spoiled-application.pdf
    refused "and refuses it with one byte changed" "openssl cms -verify" "[Vv]erification failure" cms_accepted spoiled-application.pdf
    step_done 4
}

locked_and_unlocked() {
    step 5 "Six wrong PINs, and the way back"
    secret_file wrong.pin 111222
    local try
    for try in 1 2 3 4 5 6; do
        refused "wrong PIN, number $try" "sealkey check-pin" $((try < 6 ? 5 : 6)) sealkey --serial $serial check-pin --pin-file wrong.pin
        show 3
    done
    did "the certificates can still be read" "sealkey certificates" sealkey certificates
    refused "the portal lets nobody in with a locked key" "curl, libsealkey-pkcs11.so" "PIN|private key" portal_logs_in pin
    did "the clerk reads the request code and exports the lock statement" "sealkey unlock --show" \
        sealkey unlock --show --statement lock.statement
    show 6
    did "the provider checks that the key is really locked" "sealkey-bench lock-statement check" \
        sealkey-bench lock-statement check --statement lock.statement --passphrase-file ca.pass
    show
    did "the provider makes the reset code" "sealkey-bench reset-code" \
        sealkey-bench reset-code --statement lock.statement --approval 2024-0002 --passphrase-file ca.pass \
        --code-file reset.code
    local reset
    reset=$(cat reset.code)
    secret_file slip.code "$("$python" "$here/codes.py" slip "$reset")"
    secret_file wrong.code "$("$python" "$here/codes.py" wrong "$reset")"
    secret_file pin 426913
    local before
    before=$(code_tries)
    refused "a slip of the hand is noticed before the key is asked" "sealkey unlock" 10 \
        sealkey unlock --code-file slip.code --new-pin-file pin
    show 3
    [ "$(code_tries)" = "$before" ] || fail "the slip cost a try"
    refused "a wrong code costs one try" "sealkey unlock" 5 sealkey unlock --code-file wrong.code --new-pin-file pin
    show 3
    [ "$(code_tries)" = $((before - 1)) ] || fail "the wrong code should have cost one try"
    did "the right code opens the key; the clerk chooses a new PIN" "sealkey unlock" \
        sealkey unlock --code-file reset.code --new-pin-file pin
    did "login works again" "curl, nginx" portal_logs_in pin
    refused "the used code is dead" "sealkey unlock" 7 sealkey unlock --code-file reset.code --new-pin-file wrong.pin
    show 3
    did "brought to the provider, the key is opened over its own secure channel; no PIN is set there" \
        "sealkey-bench unlock, SCP03" \
        sealkey-bench unlock --approval 2024-0003 --passphrase-file ca.pass --code-file bench.code
    show 3
    did "the clerk chooses the PIN with the code from there" "sealkey activate" \
        sealkey activate --code-file bench.code --new-pin-file pin
    step_done 5
}

cut() {
    step 6 "The power goes at the worst moments"
    secret_file other.pin 570248
    local operations
    operations=$(flash_operations key sealkey --serial $serial change-pin --pin-file pin --new-pin-file other.pin)
    cp pin old.pin && cp other.pin pin
    cut_in key "a PIN change" "$operations" sealkey --serial $serial change-pin --pin-file pin --new-pin-file old.pin
    wait_for "the key is seen again" seen
    did "the key is whole: one of the two PINs opens it, and it signs" "sealkey check-pin, curl" pin_still_good

    simulate plain 35964 --profile compatibility
    wait_for "the plain token is in the reader" plugged plain
    wait_for "pcscd sees it" opensc-tool --reader 1 --atr
    printf '01:02:03:04:05:06:07:08:01:02:03:04:05:06:07:08:01:02:03:04:05:06:07:08\n' >9b.key
    certificate one && certificate two
    did "a plain PIV token is plugged in beside it; its certificate is written" "piv-tool" write_certificate one
    operations=$(flash_operations plain write_certificate two)
    write_certificate one
    cut_in plain "a certificate write" "$operations" write_certificate two
    wait_for "pcscd sees it again" opensc-tool --reader 1 --atr
    did "the old certificate or the new one is there, whole" "pkcs15-tool" certificate_whole
    did "and it can be written again" "piv-tool" write_certificate two
    step_done 6
}

# What sim/demo.sh --keep prints at its end, and the shell at its beginning.
go_on_by_hand() {
    cat >by-hand <<'TEXT'

The key stays plugged in. sim/shell.sh opens a shell that sees it; there, for example:

    sealkey --serial $SERIAL status
    sealkey --serial $SERIAL certificates
    sealkey --serial $SERIAL check-pin --pin-file pin
    sealkey --serial $SERIAL stamp application.pdf again.pdf --page 1 --at 20,20 --pin-file pin --seal-ca ca/seal-root.pem --force
    pdfsig again.pdf
    pkcs11-tool --module $MODULE --list-objects
    pkcs15-tool --reader 0 --list-certificates
    curl --cacert portal/server-ca.pem --engine pkcs11 --key-type ENG --cert-type ENG --key "pkcs11:serial=$SERIAL;id=%01;type=private;pin-source=file:$PWD/pin" --cert "pkcs11:serial=$SERIAL;id=%01;type=cert" https://localhost:8443/

docs/clients.md has more. To end it:

    sim/demo.sh --stop
TEXT
}

# ---- what the steps check --------------------------------------------------------------------------------------------

json_field() { "$python" -c 'import json,sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1" <<<"$output"; }
code_tries() { sealkey --json status | "$python" -c 'import json,sys; print(json.load(sys.stdin)["lock"]["code_tries_left"])'; }
pdf_accepted() { pdfsig "$1" >pdfsig.out 2>&1 && cat pdfsig.out && grep -q "Signature is Valid" pdfsig.out; }
cms_accepted() {
    openssl cms -verify -binary -inform DER -in application.p7s -content "$1" -CAfile client-ca.pem -purpose any -out /dev/null
}
change_byte() { "$python" -c 'import sys
data = bytearray(open(sys.argv[1], "rb").read()); at = data.index(b"Customs"); data[at] ^= 1
open(sys.argv[2], "wb").write(data)' "$1" "$2"; }

certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1.key" -subj "/O=Example/CN=certificate $1" -out "$1.pem" 2>/dev/null
}
# piv-tool's exit code is the number of bytes written: what it did is judged by reading.
write_certificate() {
    PIV_EXT_AUTH_KEY=$dir/9b.key piv-tool --reader 1 -A M:9B:03 -C 9A -i "$1.pem" >piv-tool.out 2>&1 || true
    read_certificate | cmp -s - "$1.pem"
}
read_certificate() { pkcs15-tool --reader 1 --read-certificate 01 2>/dev/null | sed -n '/BEGIN/,/END/p'; }
certificate_whole() {
    read_certificate >read.pem
    cmp -s read.pem one.pem || cmp -s read.pem two.pem
}
pin_still_good() {
    if ! sealkey --serial $serial check-pin --pin-file pin >/dev/null 2>&1; then
        cp old.pin pin
        sealkey --serial $serial check-pin --pin-file pin
    fi
    portal_logs_in pin
}

made_and_issued
activated
logged_in
stamped
locked_and_unlocked
cut
attested
renewed
tray_of_eight
go_on_by_hand
printf '\n%s%d things shown in %s s. The key was issued, activated, logged in with, stamped with, locked, unlocked, cut off\nand renewed, and a tray of eight was made; nothing was lost.%s\n' \
    "$bold" "$things" "$(seconds_since "$story_start")" "$plain"
