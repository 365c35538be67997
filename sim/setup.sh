#!/usr/bin/env bash
# Installs the Debian 12 packages that sealkey needs; says at once when nothing is missing.
#
#   sim/setup.sh          what the build and the demo need
#   sim/setup.sh --tests  what the tests need as well: the clients that the key must work with, and the linters
set -euo pipefail

build_packages=(
    g++ cmake ninja-build ccache pkg-config dpkg-dev debian-archive-keyring ca-certificates gettext
    libpcsclite-dev libusb-1.0-0-dev libp11-kit-dev zlib1g-dev libssl-dev libcli11-dev libspdlog-dev nlohmann-json3-dev
    libsoci-dev libsqlite3-dev libpq-dev libcpp-httplib-dev libcurl4-openssl-dev libpodofo-dev libpng-dev
    libpango1.0-dev libqrencode-dev fonts-wqy-microhei
    libgtest-dev libgmock-dev libbenchmark-dev
)
demo_packages=(
    pcscd vsmartcard-vpcd yubico-piv-tool opensc opensc-pkcs11 openssl libengine-pkcs11-openssl curl nginx-light poppler-utils
    python3 util-linux iproute2 procps
)
test_packages=(
    ykcs11 gnutls-bin qpdf zbar-tools xxd libnss3-tools firefox-esr openssh-client openssh-server
    chromium xvfb openbox xdotool
    openjdk-17-jdk-headless libbcprov-java
    python3-pyscard python3-cryptography python3-botan
    clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14
    llvm-14
    postgresql-15
    strace
    valgrind
    lintian man-db
    qemu-system-x86 busybox-static usbip udev
    gcc-arm-none-eabi libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib
    umockdev libumockdev-dev gir1.2-umockdev-1.0 python3-gi
)

# The board's emulator. Others than Debian's have them in one package, which Debian's npm would push out.
command -v node >/dev/null && command -v npm >/dev/null || test_packages+=(nodejs npm)

wanted=("${build_packages[@]}" "${demo_packages[@]}")
case ${1-} in
    "") ;;
    --tests) wanted+=("${test_packages[@]}") ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    cat >&2 <<TEXT
sim/setup.sh: this system has no apt-get. sealkey is built and tested on Debian 12 ("bookworm").
  On another system, install what these Debian packages stand for, then build with
      cmake --preset release && cmake --build --preset release
  ${wanted[*]}
TEXT
    exit 2
fi

missing=()
installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^ii *//p' || true)
for package in "${wanted[@]}"; do
    grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "sim/setup.sh: packages are missing, and without sudo only root can install them. As root:" >&2
        echo "    apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 2
    fi
    as_root=(sudo)
fi

# Debian's nginx starts a server when it is installed. Nobody asked for one: services stay as they are meanwhile.
policy=/usr/sbin/policy-rc.d
hold_services=
if [ ! -e "$policy" ]; then
    hold_services=yes
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
fi
cleanup() { [ -z "$hold_services" ] || "${as_root[@]}" rm -f "$policy"; }
trap cleanup EXIT
trap 'exit 130' INT TERM

echo "installing ${#missing[@]} packages: ${missing[*]}"
log=$(mktemp)
if ! { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}"; } \
    >"$log" 2>&1; then
    tail -n 15 "$log" >&2
    echo "sim/setup.sh: apt-get failed (all that it said: $log). Is this Debian 12, with its archive within reach?" >&2
    exit 2
fi
rm -f "$log"
echo "installed"
