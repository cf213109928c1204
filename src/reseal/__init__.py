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
    output: str | PathLike[str] | None = None,
    thin: bool = False,
    dry_run: bool = False,
    allow_backing: bool = False,
    force: Iterable[str] = (),
) -> OpenImage:
    """Open a Windows image, or a folder that holds one, to be changed in a `with` block.

    Args:
        image: a qcow2, VHDX, VHD, VMDK, VDI or raw disk image, or a folder.
        volume: which Windows, where the image holds several: its volume's number.
        output: a new image to write, its suffix names the format; None to work in place.
        thin: whether a qcow2 output is an overlay over the image.
        dry_run: whether `commit` writes nothing.
        allow_backing: whether backing files may lie outside the image's folder.
        force: ids of checks whose errors don't stop `generalize`.

    Returns:
        The image. It is read when the block is entered, and nothing is written before `commit`.

    Raises:
        ResealError: its classes say what is wrong; each has a `hint`.
    """
    from reseal.api.opened import open_image  # noqa: PLC0415  every module imports this one

    return open_image(
        Path(image),
        volume=volume,
        output=Path(output) if output else None,
        thin=thin,
        dry_run=dry_run,
        allow_backing=allow_backing,
        force=force,
    )
