#!/bin/sh
# Build the Debian package into a folder: tools/deb.sh FOLDER. lintian judges it.
set -eu
target=$(realpath -m "${1:-dist}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$target" "$work/reseal"
# What git knows or would take, so that nothing of the checkout's builds gets in.
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$work/reseal"
cd "$work/reseal"
# Debian's own Python builds it, whichever else is on PATH.
PATH=/usr/sbin:/usr/bin:/sbin:/bin dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes
lintian --allow-root --fail-on error "$work"/reseal_*.changes
mv "$work"/reseal_*.deb "$target"
ls "$target"/reseal_*.deb
