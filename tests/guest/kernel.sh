#!/usr/bin/env bash
# Debian's current kernel for tests that need a real one: fetches the package that linux-image-amd64 stands for, unpacks it
# (nothing is installed) and prints the folder, in which are boot/vmlinuz-* and lib/modules. apt checks the signature.
#
#   kernel.sh FOLDER         FOLDER keeps it for the next time
set -euo pipefail
folder=${1:?usage: kernel.sh FOLDER}

# An older one that was fetched before does as well.
advice() {
    local kept
    kept=$(find "$folder" -maxdepth 2 -name complete -printf '%h\n' 2>/dev/null | sort -V | tail -n 1)
    [ -z "$kept" ] || { echo "$kept"; exit 0; }
    echo "tests/guest/kernel.sh: $1" >&2
    echo "  The test needs Debian's package linux-image-amd64, of which it boots the kernel in an emulator." >&2
    exit 2
}

command -v apt-cache >/dev/null || advice "this is not a Debian system (no apt-get)"
name=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1) || true
[ -n "$name" ] || advice "apt doesn't know the package (apt-get update?)"
place=$folder/$name
if [ ! -e "$place/complete" ]; then
    mkdir -p "$folder"
    work=$(mktemp -d "$folder/new.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$name" >log 2>&1) ||
        { cat "$work/log" >&2; advice "$name could not be downloaded"; }
    mkdir "$work/root"
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work/root" --wildcards './boot/vmlinuz-*' './lib/modules/*'
    touch "$work/root/complete"
    rm -rf "$place"
    mv "$work/root" "$place"
fi
echo "$place"
