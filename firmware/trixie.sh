# Debian packages of suite trixie on a machine of another suite; sourced by the scripts that fetch one.
#
# Nothing of the machine's own apt set-up is changed: apt runs with a sources list, a list folder and a cache of its own,
# and apt itself checks the archive's signature. The mirror is the one that the machine already uses.
#
# Who sources this defines advice WHY, which says what to do instead and exits.

# trixie_open KIND WORK: reads the lists; KIND is deb or deb-src, WORK an empty folder of the caller's.
trixie_open() {
    command -v apt-get >/dev/null 2>&1 || advice "this is not a Debian system (no apt-get)"
    command -v dpkg-source >/dev/null 2>&1 || advice "dpkg-source is missing (Debian package dpkg-dev)"
    # The first Debian archive among the machine's own sources, in either of apt's two formats.
    trixie_mirror=$(
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
    [ -n "$trixie_mirror" ] || advice "no Debian mirror found in /etc/apt"
    trixie_keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -f "$trixie_keyring" ] || advice "the Debian archive keyring is missing ($trixie_keyring)"
    trixie_work=$2
    mkdir -p "$trixie_work/lists/partial" "$trixie_work/cache/archives/partial" "$trixie_work/src"
    echo "$1 [signed-by=$trixie_keyring] $trixie_mirror trixie main" > "$trixie_work/sources.list"
    trixie_apt update >"$trixie_work/log" 2>&1 ||
        { cat "$trixie_work/log" >&2; advice "the package lists of suite trixie could not be read"; }
}

trixie_apt() {
    apt-get -q \
        -o Dir::Etc::sourcelist="$trixie_work/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State::Lists="$trixie_work/lists" -o Dir::Cache="$trixie_work/cache" \
        -o APT::Get::List-Cleanup=0 -o APT::Sandbox::User=root "$@"
}

# trixie_get COMMAND...: apt-get COMMAND in $trixie_work/src ("source --download-only NAME", "download NAME...").
trixie_get() {
    (cd "$trixie_work/src" && trixie_apt "$@" >"$trixie_work/log" 2>&1) ||
        { cat "$trixie_work/log" >&2; advice "a package could not be downloaded ($*)"; }
}
