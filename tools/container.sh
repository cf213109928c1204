#!/bin/sh
# Build the container on a base made by debootstrap, as root and without any registry: tools/container.sh [SUITE].
set -eu
suite=${1:-bookworm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What Debian's slim images leave out.
debootstrap --variant=minbase "$suite" "$work/root" >/dev/null
printf 'path-exclude /usr/share/%s/*\n' doc info lintian locale man >"$work/root/etc/dpkg/dpkg.cfg.d/slim"
rm -rf "$work"/root/usr/share/doc/* "$work"/root/usr/share/info/* "$work"/root/usr/share/lintian/* \
    "$work"/root/usr/share/locale/* "$work"/root/usr/share/man/* "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/*
base=$(buildah from scratch)
buildah add -q "$base" "$work/root" / >/dev/null
buildah commit -q "$base" "reseal-base-$suite" >/dev/null
buildah rm "$base" >/dev/null
buildah build --isolation chroot --build-arg "BASE=localhost/reseal-base-$suite" -t reseal .
