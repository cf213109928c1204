#!/bin/sh
# Install missing packages: setup.sh run (for reseal, and a virtual environment), setup.sh test (also the tools
# for the tests), or setup.sh docs (for building the documentation). System packages are installed with apt,
# through sudo unless this is root.
set -eu
: "${PYTHON:=python3}" "${VENV:=.venv}"

sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"

install() {
    missing=""
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    echo "Installing$missing"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
    # shellcheck disable=SC2086  # a list of package names
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
}

install qemu-utils qemu-system-common libnbd0 ntfs-3g wimtools dosfstools mtools python3 python3-venv
extra=""
if [ "${1:-run}" = test ]; then
    extra="[dev]"
    install cryptsetup-bin libhivex-bin regripper libseccomp2 libvshadow-utils binutils fdisk gdisk libxml2-utils qemu-system-x86 ovmf strace libvhdi-utils \
        libvirt-clients shellcheck skopeo xorriso genisoimage nbdkit openssh-server qemu-block-extra
    # Ubuntu has no package of the browser; the tests of pages are skipped there.
    ! apt-cache show chromium >/dev/null 2>&1 || install chromium
    # A few tests run Windows' own command line and registry editor under Wine, and are skipped without it.
    install wine || echo "Wine can't be installed; the tests that need it are skipped."
fi

[ "${1:-run}" != docs ] || extra="[docs]"

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check -c constraints.txt -e ".$extra"
