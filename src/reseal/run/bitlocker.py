"""Decrypt BitLocker volumes in an overlay, before anything is written to them.

The decrypted data are committed like other changes: the overlay is merged into the image or becomes a new
one. Until then the image is unchanged.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from reseal.bitlocker import MetadataError, OpenVolume, encrypted, metadata
from reseal.bitlocker.decrypt import decrypt as decrypt_volume
from reseal.bitlocker.decrypt import needed
from reseal.disk import VolumeRange
from reseal.disk.partitions import volumes
from reseal.disk.staged import require_space
from reseal.errors import CheckError, ImageError
from reseal.mark import Mark
from reseal.ntfs import TruncatedError, VolumeError, boot
from reseal.run.disk import Disk, OpenedDisk
from reseal.run.medium import carry_out, host_errors
from reseal.run.opening import volume_name
from reseal.run.operation import Callables, Operation
from reseal.run.options import RunOptions
from reseal.run.work import perform
from reseal.session import Session
from reseal.session.session import Written
from reseal.worker import Report, percents

#: Records whether Windows was started from an encrypted volume (reported).
STATUS = r"HKLM\SYSTEM\CurrentControlSet\Control\BitLockerStatus"
#: Prevents automatic device encryption (documented: Microsoft, "BitLocker drive encryption in
#: Windows 11 for OEMs").
POLICY = r"HKLM\SYSTEM\CurrentControlSet\Control\BitLocker"

#: Space that a container takes beyond the data.
_SPARE = 16 << 20


def decrypt(
    path: Path,
    volume: int | None,
    options: RunOptions,
    *,
    sparse: bool,
    on_message: Report | None = None,
) -> dict[str, Any]:
    """Decrypt a volume of a disk image, with or without Windows on it.

    Args:
        path: the image.
        volume: its number, as in the partition table; None for the only encrypted one.
        options: the output and the keys.
        sparse: whether clusters that were never written stay empty; see `reseal.bitlocker.decrypt`.
        on_message: receives `{"step": …}` and `{"progress": …, "done": …, "total": …}` (bytes).

    Returns:
        `image`, `decrypted` (see `decrypt_place`), `still_encrypted` (numbers of volumes), `timings`.

    Raises:
        CheckError: no key fits, or none of several volumes was chosen.
        ImageError: the volume can't be decrypted; the image is unchanged.
    """
    start = time.perf_counter()
    work = partial(_decrypt, volume, options, sparse)
    result = carry_out(path, Disk(path, options), work, on_message)
    result["timings"]["total"] = time.perf_counter() - start
    return result


def _decrypt(
    volume: int | None, options: RunOptions, sparse: bool, opened: OpenedDisk, report: Report
) -> dict[str, Any]:
    found = _encrypted(opened)
    place = _choose(found, volume, opened.subject)
    done = decrypt_place(opened, place, options, report, sparse=sparse)
    return {
        "decrypted": done,
        "still_encrypted": [one.number for one in found if one != place],
        "written": True,
        "timings": {"Decrypting": done["seconds"]},
    }


def describe(
    path: Path, volume: int | None = None, *, allow_backing: bool = False
) -> dict[str, Any]:
    """Describe the encrypted volumes of an image, without a key.

    Args:
        path: the image.
        volume: number of the volume, from 1; None for all.
        allow_backing: whether backing files may be outside the image's folder.

    Returns:
        `image`, and `volumes`: for each, `volume` (number), `size`, `sector_size`, `to_go`,
        `encrypted_on_write` and the result of `Metadata.to_json`; or `error`.
    """

    def look(opened: OpenedDisk, _: Report) -> dict[str, Any]:
        found = _encrypted(opened)
        chosen = [_choose(found, volume, opened.subject)] if volume is not None else found
        return {"volumes": [_described(opened, one) for one in chosen]}

    options = RunOptions(dry_run=True, allow_backing=allow_backing)
    with host_errors(path), Disk(path, options) as disk:
        return {"image": disk.facts, **disk.in_worker(look, None)}


def _described(opened: OpenedDisk, place: VolumeRange) -> dict[str, Any]:
    known = {"volume": place.number, "size": place.size}
    try:
        header, (first, *_) = metadata.read(opened.part(place), volume_name(place, opened.subject))
    except MetadataError as error:
        return {**known, "error": error.message}
    return {
        **known,
        "sector_size": header.sector_size,
        "to_go": header.to_go,
        "encrypted_on_write": bool(header.encrypt_on_write),
        **first.to_json(),
    }


def decrypt_staged(
    operation: Operation, options: RunOptions, opened: OpenedDisk, report: Report
) -> dict[str, Any]:
    """Stage an operation, decrypt the volume of its installation, and write the staged changes.

    Decryption takes long, so all checks that can refuse the operation come first.

    Args:
        operation: the operation.
        options: how to open the image, and what to do with the result.
        opened: the disk.
        report: receives `{"step": …}`.

    Returns:
        The result of `perform`, with `decrypted` (see `decrypt_place`; None if the volume was not encrypted
        or nothing is written).
    """
    done: dict[str, Any] | None = None

    def stage(session: Session) -> dict[str, Any]:
        nonlocal done
        result = operation.stage(session)
        system = next(one for one in session.parts if one.system)
        volume = system.device if isinstance(system.device, OpenVolume) else None
        _stage(session, system.number if volume else None, options)
        if volume and not options.dry_run:
            place = next(one for one in volumes(opened.device) if one.number == system.number)
            done = _decrypt_open(opened, place, volume, options, report, sparse=True)
        return result

    result = perform(Callables(stage, operation.recheck), options, opened, report)
    if done:
        result["written"] = result["written"] or asdict(Written())
        result["timings"]["Decrypting"] = done["seconds"]
    return {**result, "decrypted": done}


def decrypt_place(
    opened: OpenedDisk,
    place: VolumeRange,
    options: RunOptions,
    report: Report,
    *,
    sparse: bool,
) -> dict[str, Any]:
    """Decrypt a volume of a disk that is open for writing.

    Args:
        opened: the disk.
        place: the volume.
        options: the output and the keys.
        report: receives `{"step": …}` and progress.
        sparse: whether clusters that were never written stay empty.

    Returns:
        `volume` (its number), `size` and `written` (bytes), `cipher`, `id`, and `seconds`.

    Raises:
        LockedError: no key fits.
        ImageError: the volume can't be decrypted, its end is missing, or the host has not enough space.
    """
    name = volume_name(place, opened.subject)
    volume = OpenVolume.open(opened.part(place), options.keys or (), name)
    _require_end(volume, name)
    return _decrypt_open(opened, place, volume, options, report, sparse=sparse)


def _require_end(volume: OpenVolume, name: str) -> None:
    """Refuse a truncated image; other damage of its file system does not prevent decryption."""
    try:
        boot.parse(volume.read(0, boot.BOOT_SECTOR_SIZE), volume.size, name)
    except TruncatedError as error:
        raise ImageError(f"{error.message} Nothing was changed.", error.hint) from None
    except VolumeError:
        pass


def _decrypt_open(
    opened: OpenedDisk,
    place: VolumeRange,
    volume: OpenVolume,
    options: RunOptions,
    report: Report,
    *,
    sparse: bool,
) -> dict[str, Any]:
    start = time.perf_counter()
    part, name = opened.part(place), volume_name(place, opened.subject)
    _require_space(needed(volume, part, sparse=sparse), options, opened.subject)
    step = f"Decrypting volume {place.number}"
    report({"step": step})
    tell = percents(report, step)
    written = decrypt_volume(volume, part, sparse=sparse, report=tell)
    if encrypted(part):
        raise ImageError(f"{name} is still encrypted after it was decrypted. Please report this.")
    return {
        "volume": place.number,
        "size": place.size,
        "written": written,
        "cipher": volume.metadata.cipher,
        "id": str(volume.metadata.id),
        "seconds": time.perf_counter() - start,
    }


def _require_space(size: int, options: RunOptions, subject: str) -> None:
    """Refuse a decryption for which the host has not enough space, before it starts."""
    folder = options.output.absolute().parent if options.output else Path(subject).resolve().parent
    # A full new image is copied from the overlay, so both exist for a while.
    copies = 2 if options.output and not options.thin else 1
    require_space(
        folder,
        size * copies + _SPARE,
        f"decrypting {subject}",
        "Free some space, or write a new image on another disk with --output.",
    )


def _stage(session: Session, number: int | None, options: RunOptions) -> None:
    """Stage Windows' own state for its decrypted volume (None: the volume was not encrypted)."""
    if number is not None:
        verb = "would be" if options.dry_run else "was"
        session.note(f"Volume {number} {verb} decrypted; BitLocker is off.")
        with session.acting("bitlocker", Mark.INFERRED):
            if session.registry.number(STATUS, "BootStatus"):
                session.set_number(STATUS, "BootStatus", 0)
    if options.prevent_device_encryption:
        with session.acting("bitlocker", Mark.DOCUMENTED):
            session.set_number(POLICY, "PreventDeviceEncryption", 1)


def _encrypted(opened: OpenedDisk) -> list[VolumeRange]:
    found = [
        one for one in volumes(opened.device) if not one.unsupported and encrypted(opened.part(one))
    ]
    if found:
        return found
    raise CheckError(
        f"No volume of {opened.subject} is encrypted with BitLocker. Nothing was changed.",
        "Work on the image as it is.",
    )


def _choose(found: list[VolumeRange], volume: int | None, subject: str) -> VolumeRange:
    listed = ", ".join(str(one.number) for one in found)
    if volume is None:
        if len(found) == 1:
            return found[0]
        msg = f"BitLocker encrypts the volumes {listed} of {subject}. Nothing was changed."
        raise CheckError(msg, f"Choose one with --volume, for example --volume {found[0].number}.")
    for one in found:
        if one.number == volume:
            return one
    msg = f"BitLocker doesn't encrypt volume {volume} of {subject}. Nothing was changed."
    raise CheckError(msg, f"It encrypts: {listed}.")
