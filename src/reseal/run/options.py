"""Options for opening an image and for its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.bitlocker import Key
    from reseal.disk.form import Form


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to open an image, and what to do with the result.

    Attributes:
        volume: the installation, in the notation of `--volume`; None for the only one.
        output: the new image; None to work in place.
        in_place: whether a block device may be changed in place.
        disks: the other disks of the machine.
        scratch: the folder for the overlay and the journal of a block device; None for the default.
        thin: whether the output is an overlay over the image.
        form: what the output becomes; None to go by its suffix.
        passing: whether the output is temporary, so that the image below it may change later.
        dry_run: whether to write nothing.
        chkdsk_at_boot: whether to set the volume's dirty flag at the end.
        allow_backing: whether backing files may be outside the image's folder.
        reads: further files and folders of the host that the work reads.
        writes: further files and folders of the host that the work reads and writes.
        keeps: file descriptors that stay open for the work.
        switches: names of the switches that providers and checks use.
        shrink: whether to rewrite the image's file compactly at the end.
        delete_snapshots: whether to delete the internal snapshots of an image that is changed in place.
        index: index of the image in a WIM; None for the only one.
        keys: keys for volumes that BitLocker encrypts, in addition to clear keys; None keeps such volumes
            closed.
        decrypt: whether to decrypt the volume of the installation first, if it is encrypted.
        prevent_device_encryption: whether to prevent automatic device encryption in Windows.
        programs: whether the worker may start programs.
    """

    volume: str | None = None
    output: Path | None = None
    in_place: bool = False
    scratch: Path | None = None
    disks: tuple[Path, ...] = ()
    thin: bool = False
    form: Form | None = None
    passing: bool = False
    dry_run: bool = False
    chkdsk_at_boot: bool = False
    allow_backing: bool = False
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()
    keeps: tuple[int, ...] = ()
    switches: frozenset[str] = frozenset()
    shrink: bool = False
    delete_snapshots: bool = False
    index: int | None = None
    keys: tuple[Key, ...] | None = None
    decrypt: bool = False
    prevent_device_encryption: bool = False
    programs: bool = False
