#!/bin/sh
# Install what reseal needs: system packages through apt where they are missing (with sudo where
# this is not root), and a virtual environment.
set -eu
: "${PYTHON:=python3}" "${VENV:=.venv}"

packages="qemu-utils qemu-system-common libnbd0 ntfs-3g libhivex-bin wimtools libvshadow-utils
    dosfstools mtools fdisk gdisk python3 python3-venv"

missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    sudo=""
    [ "$(id -u)" = 0 ] || sudo="sudo"
    echo "Installing$missing"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get update -q
    # shellcheck disable=SC2086  # a list of package names
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
"$VENV/bin/python" -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
