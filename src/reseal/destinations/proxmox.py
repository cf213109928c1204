"""Proxmox VE: an image and the `qm` lines that import it."""

from __future__ import annotations

from reseal.destinations.declaration import destination
from reseal.mark import Mark


@destination(
    "proxmox",
    mark=Mark.DOCUMENTED,
    source="Proxmox VE, qm(1): import-from, efidisk0, tpmstate0, ostype",
    suffixes={".qcow2": "qcow2", ".raw": "raw"},
    beside=".sh",
    then="Copy {output} and {beside} to a Proxmox node, and run `sh {beside} VMID STORAGE` there.",
    work="reseal.destinations.texts:proxmox",
)
def proxmox() -> None:
    """A qcow2 or raw image, and a script that makes a virtual machine of it on a Proxmox node.

    The script creates the machine, imports and attaches the disk, adds an EFI disk and a TPM where Windows
    needs them, and sets the boot order.
    """
