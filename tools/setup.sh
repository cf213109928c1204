#!/bin/sh
# Install missing packages: setup.sh run (for reseal, and a virtual environment), setup.sh test (also the tools
# for the tests), setup.sh docs (for building the documentation), or setup.sh deb (for building the Debian package,
# without a virtual environment). System packages are installed with apt, through sudo unless this is root.
set -eu
: "${PYTHON:=python3}" "${VENV:=.venv}"
what=${1:-run}

# Install the packages that are missing. What apt prints is shown only if it fails.
install() {
    missing=""
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    root=""
    if [ "$(id -u)" != 0 ]; then
        root="sudo"
        # Without a terminal, sudo can't ask for a password.
        if ! command -v sudo >/dev/null || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }; then
            echo "These packages are missing. Ask root to install them, then run make again:" >&2
            echo "    apt-get install --no-install-recommends$missing" >&2
            exit 1
        fi
    fi
    echo "Installing$missing"
    log=$(mktemp)
    # shellcheck disable=SC2086  # a list of package names
    if ! { $root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
           $root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
         } </dev/null >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
}

if [ "$what" = deb ]; then
    install build-essential debhelper dh-python git lintian pybuild-plugin-pyproject python3-all python3-click python3-hatchling
    exit
fi

install qemu-utils qemu-system-common libnbd0 ntfs-3g wimtools dosfstools mtools python3 python3-venv
extra=""
if [ "$what" = test ]; then
    extra="[dev]"
    install cryptsetup-bin libhivex-bin regripper libseccomp2 libvshadow-utils binutils fdisk gdisk libxml2-utils qemu-system-x86 ovmf sbsigntool strace \
        libvhdi-utils libvirt-clients shellcheck skopeo xorriso genisoimage nbdkit openssh-server qemu-block-extra
    # Ubuntu has no package of the browser; the tests of pages are skipped there.
    ! apt-cache show chromium >/dev/null 2>&1 || install chromium
fi

[ "$what" != docs ] || extra="[docs]"

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check -c constraints.txt -e ".$extra"
