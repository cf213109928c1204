"""reseal: Sysprep for powered-off Windows images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reseal.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from reseal.api import OpenImage

__all__ = ["__version__", "open"]


def open(  # noqa: A001  the verb that everybody expects
    image: str | PathLike[str],
    *,
    volume: str | None = None,
    index: int | None = None,
    output: str | PathLike[str] | None = None,
    thin: bool = False,
    dry_run: bool = False,
    delete_snapshots: bool = False,
    allow_backing: bool = False,
    disks: Iterable[str | PathLike[str]] = (),
    in_place: bool = False,
    scratch: str | PathLike[str] | None = None,
    force: Iterable[str] = (),
    reads: Iterable[str | PathLike[str]] = (),
    chkdsk_at_boot: bool = False,
    discard_hibernation: bool = False,
) -> OpenImage:
    """Open a Windows image, or a folder that holds one, to be changed in a `with` block.

    Args:
        image: a qcow2, VHDX, VHD, VMDK, VDI or raw disk image, a block device, the URL of a network disk, a
            WIM, or a folder.
        volume: which Windows, where the image holds several: its volume's number.
        index: which image, where a WIM has several: its index, from 1.
        output: a new image to write, its suffix names the format; None to work in place.
        thin: whether a qcow2 output is an overlay over the image.
        dry_run: whether `commit` writes nothing.
        delete_snapshots: whether an image that is changed in place loses its internal snapshots, each of
            which is a complete copy of the old disk.
        allow_backing: whether backing files may lie outside the image's folder.
        disks: the other disks of the machine, if it has several: all are changed, or none.
        in_place: whether a block device or a network disk may be changed where it is.
        scratch: the folder for the overlay and the journal of such a disk; None for the default.
        force: ids of checks whose errors don't stop `generalize`.
        reads: files and folders of this computer that operations read once the image is open: drivers,
            and what steps of customizing copy into it.
        chkdsk_at_boot: whether Windows checks the volume at its next boot.
        discard_hibernation: whether what Windows had in memory is discarded.

    Returns:
        The image. It is read when the block is entered, and nothing is written before `commit`.

    Raises:
        ResealError: its classes say what is wrong; each has a `hint`.
    """
    from reseal.api.opened import open_image  # noqa: PLC0415  every module imports this one
    from reseal.hostfile import disk_path  # noqa: PLC0415
    from reseal.operations.operation import Writing  # noqa: PLC0415  and so does this

    writing = Writing(
        volume=volume,
        index=index,
        output=Path(output) if output else None,
        thin=thin,
        dry_run=dry_run,
        delete_snapshots=delete_snapshots,
        allow_backing=allow_backing,
        disks=tuple(map(disk_path, disks)),
        in_place=in_place,
        scratch=Path(scratch) if scratch else None,
    )
    return open_image(
        disk_path(image),
        writing,
        force=force,
        reads=reads,
        chkdsk_at_boot=chkdsk_at_boot,
        discard_hibernation=discard_hibernation,
    )
