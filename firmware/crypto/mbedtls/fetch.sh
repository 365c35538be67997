#!/bin/sh
# Brings the mbedTLS 3.6 source tree into DEST, from Debian's source package of suite trixie.
#
#   fetch.sh DEST
#
# Prints the version on success. Exit 2: it can't be had this way (the message says what to do).
set -eu

VERSION=3.6
dest=${1:?usage: fetch.sh DEST}

advice() {
    cat >&2 <<TEXT
sealkey: mbedTLS $VERSION could not be fetched: $1
  What to do: get the mbedTLS $VERSION source release by other means, unpack it, and configure with
      cmake --preset release -DSEALKEY_MBEDTLS_SOURCE=/path/to/mbedtls-3.6.x
TEXT
    exit 2
}

if [ -f "$dest/.sealkey-version" ]; then
    cat "$dest/.sealkey-version"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
. "$(dirname "$0")/../../trixie.sh"
trixie_open deb-src "$work"
trixie_get source --download-only mbedtls
dsc=$(ls "$work"/src/mbedtls_*.dsc)
version=$(sed -n 's/^Version: *//p' "$dsc" | head -n 1)
case $version in
    "$VERSION".*) ;;
    *) advice "suite trixie carries mbedTLS $version, not $VERSION" ;;
esac
(cd "$work/src" && dpkg-source --no-check -x "$dsc" tree >"$work/log" 2>&1) ||
    { cat "$work/log" >&2; advice "the source package could not be unpacked"; }
rm -rf "$dest"
mkdir -p "$(dirname "$dest")"
mv "$work/src/tree" "$dest"
hash=$(cd "$work/src" && sha256sum mbedtls_*.orig.tar.* | head -n 1 | cut -d' ' -f1)
printf '%s sha256:%s\n' "$version" "$hash" > "$dest/.sealkey-version"
cat "$dest/.sealkey-version"
