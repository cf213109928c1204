"""The note that a merge into an image has begun: next to a file, in the scratch folder for a device.

While it is there, the image is neither the old nor the new one, and nothing but `resume` touches
it. The overlay's name follows from the journal's, so a forged journal
can't point to another.

A run on several disks of one machine writes a journal for each. That of the first disk is written last and
removed last: as long as it is there, all disks are to be merged, and where it is not, the others' are notes
of a run that was never committed. An image that was moved away from it is known by `reseal.disk.torn`.
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
        ids: what identifies a block device, whatever its name is.
        name: the resolved path of the image, or of the device at that time.
        group: an id that the journals of one run on several disks share; empty for a single disk.
        others: the paths of the other disks; in the journal that decides for all of them, and only there.
        decides: the path of that journal, in the notes of the other disks.
        first: the path of its disk, there, too.
    """

    format: str
    size: int
    file_size: int
    device: int
    inode: int
    samples: list[Sample]
    delete_snapshots: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    ids: list[str] = field(default_factory=list)
    name: str = ""
    group: str = ""
    others: list[str] = field(default_factory=list)
    decides: str = ""
    first: str = ""

    def write(self, place: Path) -> None:
        """Write the note, whole or not at all, to stable storage.

        Args:
            place: the image, or the place of a device in the scratch folder.
        """
        path = journal_path(place)
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        try:
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                # What a single file does not need is left out.
                said = {
                    name: value for name, value in asdict(self).items() if value not in ("", [])
                }
                json.dump({"version": _VERSION, "samples": []} | said, file)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
            sync_folder(path.parent)
        except BaseException:
            draft.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise

    @classmethod
    def read(cls, place: Path) -> Self | None:
        """Return the note of an image, or None where there is none.

        Args:
            place: the image, or the place of a device in the scratch folder.

        Raises:
            ImageError: it can't be understood.
        """
        return cls.read_file(journal_path(place))

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
        texts = (journal.format, journal.id, journal.name, *journal.ids)
        texts += (journal.group, journal.decides, journal.first, *journal.others)
        if any(type(text) is not str for text in texts) or any(
            type(one) is not int for one in numbers
        ):
            raise TypeError
        if type(journal.delete_snapshots) is not bool:
            raise TypeError
        return journal


def decision(path: Path, note: Journal) -> Path | None:
    """Return the journal that decides for all disks of a run; None where there is none.

    Args:
        path: of a journal.
        note: what it says.
    """
    if not note.decides:
        return path
    # A machine's disks are moved together, or not at all.
    for place in (Path(note.decides), path.with_name(Path(note.decides).name)):
        found = Journal.read_file(place)
        if found and found.group == note.group and found.others:
            return place
    return None


def remove_journal(place: Path) -> None:
    """Take the note away: the merge is complete, on stable storage.

    Args:
        place: the image, or the place of a device in the scratch folder.
    """
    journal_path(place).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it is gone; at worst a power failure brings it back
        sync_folder(place.parent)
