"""libvirt: an image and a domain for it."""

from __future__ import annotations

from reseal.destinations.declaration import destination
from reseal.mark import Mark


@destination(
    "libvirt",
    mark=Mark.DOCUMENTED,
    source="libvirt, Domain XML format; enlightenments of Hyper-V: QEMU, Hyper-V Enlightenments",
    suffixes={".qcow2": "qcow2", ".raw": "raw"},
    beside=".xml",
    then="Define the domain: `virsh define {beside}`.",
    work="reseal.destinations.texts:libvirt",
)
def libvirt() -> None:
    """A qcow2 or raw image, and the XML of a domain that runs it.

    Firmware, controller of the disk, network adapter and TPM are those that the image has drivers for or
    needs. Memory, processors and network are common ones; change them as you like.
    """
