"""KubeVirt: a container disk."""

from __future__ import annotations

from reseal.destinations.declaration import destination
from reseal.mark import Mark


@destination(
    "kubevirt",
    mark=Mark.DOCUMENTED,
    source="KubeVirt, Disks and Volumes: containerDisk; OCI Image Format Specification 1.0",
    suffixes={".tar": "qcow2", "": "qcow2"},
    inside="disk.qcow2",
    then="Push it: `skopeo copy {transport}:{output} docker://REGISTRY/NAME:TAG`. Its machine needs "
    "{firmware}, and the disk goes on the bus {bus}.",
    work="reseal.destinations.container:pack",
)
def kubevirt() -> None:
    """An OCI image with the disk in it, for a containerDisk volume.

    An output that ends in .tar is an OCI archive; one without a suffix is a folder in the OCI image layout.
    The disk is /disk/disk.qcow2, and belongs to user 107, which is QEMU in KubeVirt.
    """
