#!/bin/sh
# Brings the source trees of pico-sdk 2.1 and TinyUSB 0.18 into DEST/pico-sdk and DEST/tinyusb, from Debian's packages of
# suite trixie.
#
#   fetch.sh DEST
#
# Prints the versions and the packages' hashes on success. Exit 2: they can't be had this way (the message says what to do).
set -eu

SDK=2.1.1
TINYUSB=0.18
dest=${1:?usage: fetch.sh DEST}

advice() {
    cat >&2 <<TEXT
sealkey: pico-sdk $SDK and TinyUSB $TINYUSB could not be fetched: $1
  What to do: get the source releases of both by other means, unpack them, and configure with
      cmake --preset release -DSEALKEY_PICO_SDK=/path/to/pico-sdk-$SDK -DSEALKEY_TINYUSB=/path/to/tinyusb-$TINYUSB
  or leave the board's image out: -DSEALKEY_RP2040=OFF
TEXT
    exit 2
}

versions=$dest/pico-sdk/.sealkey-version
if [ -f "$versions" ]; then
    cat "$versions"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
. "$(dirname "$0")/../../trixie.sh"
trixie_open deb "$work"
trixie_get download pico-sdk-source tinyusb-source
for package in "pico-sdk-source_$SDK" "tinyusb-source_$TINYUSB"; do
    archive=$(ls "$work/src/$package"*.deb 2>/dev/null) ||
        advice "suite trixie carries $(cd "$work/src" && ls "${package%_*}"_* 2>/dev/null), not $package"
    dpkg -x "$archive" "$work/tree" >"$work/log" 2>&1 || { cat "$work/log" >&2; advice "$package could not be unpacked"; }
    printf '%s sha256:%s\n' "$(dpkg-deb -f "$archive" Package Version | sed 's/.*: //' | paste -sd' ')" \
        "$(sha256sum "$archive" | cut -d' ' -f1)"
done > "$work/version"
rm -rf "$dest/pico-sdk" "$dest/tinyusb"
mkdir -p "$dest"
mv "$work/tree/usr/src/tinyusb" "$dest/tinyusb"
# Its lib/ only has a link to where Debian installs TinyUSB.
rm -rf "$work/tree/usr/src/pico-sdk/lib"
mv "$work/version" "$work/tree/usr/src/pico-sdk/.sealkey-version"
mv "$work/tree/usr/src/pico-sdk" "$dest/pico-sdk"
cat "$versions"
