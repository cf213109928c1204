"""Options for opening an image and for its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.bitlocker import Key


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to open an image, and what to do with the result.

    Attributes:
        volume: the installation, in the notation of `--volume`; None for the only one.
        output: the new image; None to work in place.
        thin: whether the output is an overlay over the image.
        passing: whether the output is deleted in the end, so that the image below may change.
        dry_run: whether nothing is written at all.
        chkdsk_at_boot: whether the volume's dirty flag is set in the end.
        allow_backing: whether backing files may lie outside the image's folder.
        reads: files and folders of the host, apart from the image, that the work reads.
        writes: those that it writes, too.
        switches: names of the switches that providers and checks look at.
        shrink: whether the image's file is rewritten compactly in the end.
        delete_snapshots: whether an image that is changed in place loses its internal snapshots.
        index: which image, where the path is a WIM; None for the only one.
        keys: what opens volumes that BitLocker encrypts, apart from a clear key; None where such
            volumes stay closed.
        decrypt: whether the volume of the installation is decrypted first, if it is encrypted.
        prevent_device_encryption: whether Windows is kept from encrypting it again by itself.
    """

    volume: str | None = None
    output: Path | None = None
    thin: bool = False
    passing: bool = False
    dry_run: bool = False
    chkdsk_at_boot: bool = False
    allow_backing: bool = False
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    switches: frozenset[str] = frozenset()
    shrink: bool = False
    delete_snapshots: bool = False
    index: int | None = None
    keys: tuple[Key, ...] | None = None
    decrypt: bool = False
    prevent_device_encryption: bool = False
