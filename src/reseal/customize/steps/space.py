"""Steps that save space."""

from __future__ import annotations

from reseal.customize.step import Group, step
from reseal.mark import Mark


@step(
    "wipe-free",
    Group.SPACE,
    mark=Mark.INFERRED,
    source="layout of NTFS: the Linux-NTFS project; of hives: libyal; that Windows needs none of it: "
    "inferred",
    work="reseal.customize.space:wipe_free",
)
def wipe_free() -> None:
    """Wipe free clusters and slack space, free cells of hives, logs and page files.

    This runs after all other steps, regardless of its position, so that deleted data can't be recovered
    from the disk and the image shrinks by the free space. It reaches every volume that the run changes, with
    --all-volumes each one without a Windows, and the run names the others.
    """


@step(
    "shrink",
    Group.SPACE,
    mark=Mark.DOCUMENTED,
    source="QEMU, qemu-img convert",
    work="reseal.customize.space:shrink",
)
def shrink() -> None:
    """Rewrite the image's file compactly when everything is done, and report its new size.

    The new file is compared with the old one before it replaces it. An image with snapshots or a
    backing file is refused.
    """
