"""Files that hold the machine SID and are never patched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reseal.session import Session
from reseal.sid import places
from reseal.sid.replacement import Replacement
from reseal.tree import TreeError

_PART = 8 << 20
#: What `places.SEALED` calls the log of a hive.
REGISTRY_LOG = "registry log"
#: Longer than any form of a SID.
_OVERLAP = 256


@dataclass(frozen=True, slots=True)
class Left:
    """A file in which the old SID stays.

    Attributes:
        path: the file.
        format: what it is.
        count: occurrences of the SID in it; None if not counted.
        reason: why it stays.
    """

    path: str
    format: str
    count: int | None
    reason: str


def find(session: Session, replacement: Replacement) -> Iterator[Left]:
    """Yield the files of such formats that hold the old SID."""
    seen: set[str] = set()
    for kind, place in places.SEALED:
        for path, entry in places.files(session, place).items():
            if entry.reparse_tag or path.lower() in seen:
                continue
            seen.add(path.lower())
            try:
                count = _count(session, path, entry.size, replacement)
            except TreeError as error:
                session.note(f"{path} was not examined: {error.message}")
                continue
            if count:
                yield Left(path, kind, count, "the format has checksums or is not described")


def _count(session: Session, path: str, size: int, replacement: Replacement) -> int:
    tree, count, start = session.installation.volumes, 0, 0
    while start < size:
        part = tree.read(path, start, _PART)
        count += replacement.count(part)
        # A file that this run stages may be larger than the one that lies there.
        if len(part) < _PART or start + len(part) >= size:
            break
        # What lies in the overlap is met twice.
        tail = part[-_OVERLAP:]
        count -= replacement.count(tail)
        start += len(part) - len(tail)
    return count
