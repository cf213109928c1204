"""The note beside an image that a merge into it has begun.

While it is there, the image is neither the old nor the new one, and nothing but `resume` touches
it. It names no files: the overlay's name follows from the image's, so a forged journal can point
nowhere. An image that was moved away from it is known by `reseal.disk.torn`.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from reseal.disk.sample import Sample, parse_samples
from reseal.disk.sidecar import journal_path, sync_folder
from reseal.errors import ImageError

_VERSION = 2
_MAX_SIZE = 1 << 20


@dataclass(frozen=True, slots=True)
class Journal:
    """What the image was when the merge began.

    Attributes:
        format: its container.
        size: bytes of the disk inside.
        file_size: bytes of its file; a merge never makes it shorter.
        device: of its file, as `stat` has it.
        inode: of its file.
        samples: sectors by which its content is known again.
        delete_snapshots: whether the image loses its internal snapshots when the merge is done.
        id: 32 hexadecimal digits, by which a mark in the image names the journal.
    """

    format: str
    size: int
    file_size: int
    device: int
    inode: int
    samples: list[Sample]
    delete_snapshots: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def write(self, image: Path) -> None:
        """Put the note beside an image, whole or not at all, on stable storage."""
        path = journal_path(image)
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        try:
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                json.dump({"version": _VERSION} | asdict(self), file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            sync_folder(path.parent)
        except BaseException:
            draft.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise

    @classmethod
    def read(cls, image: Path) -> Self | None:
        """Return the note beside an image, or None where there is none.

        Raises:
            ImageError: it can't be understood.
        """
        return cls.read_file(journal_path(image))

    @classmethod
    def read_file(cls, path: Path) -> Self | None:
        """Return the note in a file, or None if it does not exist.

        Raises:
            ImageError: it can't be understood.
        """
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ImageError(f"{path} can't be read: {error.strerror}.") from error
        with os.fdopen(fd, "rb") as file:
            try:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    raise ValueError
                return cls._parse(json.loads(file.read(_MAX_SIZE)))
            except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
                raise ImageError(
                    f"{path} is damaged, so the interrupted merge can't be finished.",
                    hint="Restore the image from a copy, then delete this file.",
                ) from error

    @classmethod
    def _parse(cls, fields: Any) -> Self:
        if not isinstance(fields, dict):
            raise TypeError
        version = fields.pop("version")
        if version == 1:  # it told the time of the last change, and not which file it was
            fields = {"device": 0, "inode": 0, "id": ""} | fields
            if type(fields.pop("modified")) is not int:
                raise TypeError
        elif version != _VERSION or "id" not in fields:
            raise ValueError
        journal = cls(**fields | {"samples": parse_samples(fields["samples"])})
        numbers = (journal.size, journal.file_size, journal.device, journal.inode)
        texts = (journal.format, journal.id)
        if any(type(text) is not str for text in texts) or any(
            type(one) is not int for one in numbers
        ):
            raise TypeError
        if type(journal.delete_snapshots) is not bool:
            raise TypeError
        return journal


def remove_journal(image: Path) -> None:
    """Take the note away: the merge is complete, on stable storage."""
    journal_path(image).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it is gone; at worst a power failure brings it back
        sync_folder(image.parent)
