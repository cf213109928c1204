"""Decrypt a BitLocker volume, or show its metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reseal.errors import UsageError
from reseal.operations.operation import OnMessage, Opening, Writing


def decrypt(
    image: Path,
    writing: Writing,
    *,
    sparse: bool = False,
    on_message: OnMessage | None = None,
) -> dict[str, Any]:
    """Decrypt a volume of a disk image, with or without Windows on it.

    Args:
        image: a disk image.
        writing: which volume, what opens it, and where the result goes.
        sparse: whether sectors stay empty that were never written.
        on_message: gets `{"step": …}` and `{"progress": …, "done": …, "total": …}` (bytes).

    Returns:
        See `reseal.run.bitlocker.decrypt`.
    """
    from reseal.run.bitlocker import decrypt as engine

    options = writing.options(keys=writing.keys)
    return engine(image, _number(writing.volume), options, sparse=sparse, on_message=on_message)


def metadata(image: Path, opening: Opening) -> dict[str, Any]:
    """Describe the encrypted volumes of an image; see `reseal.run.bitlocker.describe`."""
    from reseal.run.bitlocker import describe

    return describe(image, _number(opening.volume), allow_backing=opening.allow_backing)


def _number(volume: str | None) -> int | None:
    if volume is None or volume.isdecimal():
        return None if volume is None else int(volume)
    msg = f"--volume {volume} is not the number of a volume."
    raise UsageError(msg, "Volumes are numbered as in the partition table, from 1.")
