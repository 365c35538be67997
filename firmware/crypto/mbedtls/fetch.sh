#!/bin/sh
# Brings the mbedTLS 3.6 source tree into DEST, from Debian's source package of suite trixie.
#
#   fetch.sh DEST
#
# Nothing of the machine's own apt set-up is changed: apt runs with a sources list, a list folder and a
# cache of its own, and apt itself checks the archive's signature. The mirror is the one that the machine
# already uses. Prints the version on success. Exit 2: it can't be had this way (the message says what to do).
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
command -v apt-get >/dev/null 2>&1 || advice "this is not a Debian system (no apt-get)"
command -v dpkg-source >/dev/null 2>&1 || advice "dpkg-source is missing (Debian package dpkg-dev)"

# The first Debian archive among the machine's own sources, in either of apt's two formats.
mirror=$(
    {
        for f in /etc/apt/sources.list.d/*.sources; do
            [ -f "$f" ] && awk '
                /^[Uu][Rr][Ii][Ss]:/ { uri = $2 }
                /^[Ss]uites:/ { if ($0 ~ /bookworm([ \t]|$)|trixie([ \t]|$)|stable([ \t]|$)/ && uri != "") print uri }' "$f"
        done
        for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
            [ -f "$f" ] && sed -n 's/^deb[[:space:]]\{1,\}\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\)[[:space:]]\{1,\}\(bookworm\|trixie\|stable\)[[:space:]].*/\2/p' "$f"
        done
    } | grep -v security | head -n 1
)
[ -n "$mirror" ] || advice "no Debian mirror found in /etc/apt"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keyring" ] || advice "the Debian archive keyring is missing ($keyring)"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/src"
cat > "$work/sources.list" <<TEXT
deb-src [signed-by=$keyring] $mirror trixie main
TEXT
apt_private() {
    apt-get -q \
        -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" \
        -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User=root "$@"
}
apt_private update >"$work/log" 2>&1 || { cat "$work/log" >&2; advice "the package lists of suite trixie could not be read"; }
(cd "$work/src" && apt_private source --download-only mbedtls >"$work/log" 2>&1) ||
    { cat "$work/log" >&2; advice "the source package could not be downloaded"; }
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
