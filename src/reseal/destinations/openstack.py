"""OpenStack: an image for Glance with its properties."""

from __future__ import annotations

from reseal.destinations.declaration import destination
from reseal.mark import Mark


@destination(
    "openstack",
    mark=Mark.DOCUMENTED,
    source="OpenStack, Useful image properties (Glance); names of operating systems: OpenStack, "
    "os_distro and libosinfo",
    suffixes={".qcow2": "qcow2", ".raw": "raw"},
    beside=".properties",
    then="Create the image: `openstack image create NAME --file {output} $(cat {beside})`.",
    work="reseal.destinations.texts:openstack",
)
def openstack() -> None:
    """A qcow2 or raw image, and a file with its properties for `openstack image create`.

    Each line of the file is one option: the format of the disk, firmware, machine type, bus of the disk,
    network adapter, TPM and guest agent, as the image needs them.
    """
