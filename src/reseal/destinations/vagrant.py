"""Vagrant: a box."""

from __future__ import annotations

from reseal.destinations.declaration import destination
from reseal.mark import Mark

_SOURCE = "HashiCorp, Vagrant: Box File Format"
_THEN = "Add the box: `vagrant box add NAME {output}`."


@destination(
    "vagrant",
    mark=Mark.DOCUMENTED,
    source=f"{_SOURCE}; vagrant-libvirt, Creating Boxes",
    suffixes={".box": "qcow2"},
    own_suffixes=(".box",),
    inside="box.img",
    then=_THEN,
    work="reseal.destinations.box:libvirt",
)
def vagrant() -> None:
    """A box for Vagrant with the provider libvirt."""


@destination(
    "vagrant-virtualbox",
    mark=Mark.DOCUMENTED,
    source=f"{_SOURCE}; VirtualBox provider: Creating a Base Box; DMTF DSP0243 (OVF)",
    suffixes={".box": "vmdk"},
    create={"subformat": "streamOptimized"},
    inside="disk.vmdk",
    then=_THEN,
    work="reseal.destinations.box:virtualbox",
)
def vagrant_virtualbox() -> None:
    """A box for Vagrant with the provider VirtualBox."""
