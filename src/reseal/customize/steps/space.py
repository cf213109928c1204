"""Steps that save space."""

from __future__ import annotations

from reseal.customize.step import Group, step
from reseal.mark import Mark


@step(
    "wipe-free",
    Group.SPACE,
    mark=Mark.INFERRED,
    source="layout of NTFS: the Linux-NTFS project; of hives: libyal; that Windows misses nothing of it: "
    "inferred",
    work="reseal.customize.space:wipe_free",
)
def wipe_free() -> None:
    """Wipe what is nobody's any more: free clusters, slack, free cells of hives, logs, page files.

    It happens when all other steps are done, wherever it stands, so that nothing that was deleted can
    be found by reading the disk, and the image shrinks by what was free.
    """


@step(
    "shrink",
    Group.SPACE,
    mark=Mark.DOCUMENTED,
    source="QEMU, qemu-img convert",
    work="reseal.customize.space:shrink",
)
def shrink() -> None:
    """Rewrite the image's file compactly when everything is done, and say what it takes then.

    The new file is compared with the old one before it takes its place. An image with snapshots or a
    backing file is refused.
    """
