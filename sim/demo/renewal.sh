# shellcheck shell=bash disable=SC2034,SC2154 # names that story.sh sets and reads
# The demo's chapters about trust in the key itself: where its private keys come from, and how it gets new ones.

attested() {
    step 7 "The key proves where its private keys were made"
    did "the token says of 9C, in answer to a fresh number: made here, never outside" "sealkey-bench attestation check" \
        sealkey-bench --serial "$serial" attestation check --slot 9c
    show 3
    local reader
    reader=$(LC_ALL=C sealkey --json list | "$python" -c 'import json,sys
print(next(key["reader"] for key in json.load(sys.stdin)["keys"] if key.get("serial") == sys.argv[1]))' "$serial")
    did "other programs can ask too" "yubico-piv-tool -a attest" \
        yubico-piv-tool --reader "$reader" --action attest --slot 9c --output 9c-attestation.pem
    yubico-piv-tool --reader "$reader" --action read-certificate --slot f9 --output f9.pem
    did "and check the chain up to the maker's root" "openssl verify" \
        openssl verify -CAfile ca/device-root.pem -untrusted f9.pem 9c-attestation.pem
    yubico-piv-tool --reader "$reader" --action attest --slot 9a --output 9a-attestation.pem
    refused "the answer about another key of the token isn't taken for it" "sealkey-bench attestation check" 11 \
        sealkey-bench attestation check 9a-attestation.pem --device f9.pem --slot 9c --serial "$serial"
    show 2
    step_done 7
}

# renewal_cut_after OPERATIONS   a renewal that the plug is pulled in
renewal_cut_after() {
    local start=$EPOCHREALTIME
    control key.control "cut $1 subset" >/dev/null
    output=$(sealkey --serial "$serial" renew --ca "$renewal_url" --pin-file pin 2>&1) && fail "the plug wasn't pulled in the renewal"
    wait_for "the cut has struck" cut_struck
    line "the plug is pulled in the renewal (flash operation $1)" "sealkey renew, sealkey-sim" "$start"
    show 3
    wait_for "the key is plugged in again" plugged key
    wait_for "the key is seen again" sealkey --serial "$serial" status
}
cut_struck() { [ "$(control key.control status cut_armed)" = false ]; }

serve_renewals() {
    sealkey-bench renewals serve --passphrase-file ca.pass >renewals.log 2>&1 </dev/null &
    echo $! >>pids
    wait_for "the provider's service answers" grep -q http:// renewals.log
    renewal_url=$(grep -o 'http://[0-9.]*:[0-9]*' renewals.log | head -n 1)
}

renewed() {
    step 8 "The key gets new keys and certificates, and the plug is pulled twice"
    sealkey --serial "$serial" export certificate --slot 9D --output old-9d.pem
    sealkey --serial "$serial" export certificate --slot 9A --output old-9a.pem
    printf 'our offer: 1 250 000\n' >offer.txt
    did "a file is encrypted for the enterprise, with the old certificate" "openssl cms -encrypt" \
        openssl cms -encrypt -binary -aes256 -in offer.txt -outform DER -out offer.p7m old-9d.pem
    cp key.state copy.state
    did "the provider lets the key be renewed" "sealkey-bench renewals approve" \
        sealkey-bench --serial "$serial" renewals approve --request 2026-0007 --passphrase-file ca.pass
    serve_renewals
    renewal_cut_after 4
    renewal_cut_after 60
    did "the same command again goes on where it was, and ends the renewal" "sealkey renew" \
        sealkey --serial "$serial" renew --ca "$renewal_url" --pin-file pin
    show 8
    did "the old certificates are revoked, the new ones are there" "sealkey-bench renewals list" \
        sealkey-bench --serial "$serial" renewals list
    show 4
    did "the root's list is made beside the new revocation list" "sealkey-bench crl --root" \
        sealkey-bench crl --root --passphrase-file ca.pass
    cat ca/crl.pem ca/root-crl.pem >lists.pem
    did "a portal starts that looks at the lists" "nginx" \
        "$python" "$SEALKEY_ROOT/sim/portal.py" start strict-portal --client-ca client-ca.pem --port $strict_port --crl lists.pem
    did "it takes the new certificate" "curl, nginx" strict_portal_logs_in
    did "it knows the old one as revoked" "openssl verify -crl_check_all" old_certificate_is_revoked
    # The key itself has forgotten its old key. What no real chip allows: somebody copied its memory before.
    end_simulation key
    simulate copy 35963
    wait_for "the copy is in the reader" plugged copy
    wait_for "the copy is seen" sealkey --serial "$serial" status
    refused "and a copy of the key from before, with the old certificate, isn't let in" "nginx, curl" "error: 400" strict_portal_says -f
    [ "$(strict_portal_log | tail -n 1)" = "FAILED:certificate revoked" ] || fail "refused, but not for its revocation: $(strict_portal_log)"
    end_simulation copy
    simulate key 35963
    wait_for "the key is plugged in again" plugged key
    wait_for "the key is seen again" sealkey --serial "$serial" status
    did "the file of before opens with the former key, which stayed" "openssl cms -decrypt, libsealkey-pkcs11.so" \
        openssl cms -decrypt -inform DER -in offer.p7m -engine pkcs11 -keyform engine \
        -inkey "pkcs11:serial=$serial;id=%05;type=private;pin-source=file:$dir/pin" -recip old-9d.pem -out opened.txt
    cmp -s offer.txt opened.txt || fail "the file isn't what it was"
    did "and the document that was stamped before is still good" "pdfsig" pdf_accepted stamped.pdf
    "$python" "$SEALKEY_ROOT/sim/portal.py" stop strict-portal
    step_done 8
}

strict_portal_says() {
    curl -sS "$@" --max-time 60 --cacert strict-portal/server-ca.pem --engine pkcs11 --key-type ENG --cert-type ENG \
        --key "pkcs11:serial=$serial;id=%01;type=private;pin-source=file:$dir/pin" \
        --cert "pkcs11:serial=$serial;id=%01;type=cert" "https://localhost:$strict_port/"
}
strict_portal_logs_in() { strict_portal_says >strict.answer && grep -q "enterprise: $enterprise" strict.answer; }
# How nginx judged the client's certificate, a line for each request.
strict_portal_log() { sed -n 's/.*verify=\(.*\) status=.*/\1/p' strict-portal/access.log; }
old_certificate_is_revoked() {
    ! openssl verify -crl_check_all -CAfile client-ca.pem -CRLfile ca/crl.pem -CRLfile ca/root-crl.pem old-9a.pem >verify.out 2>&1 &&
        grep -q "certificate revoked" verify.out
}
