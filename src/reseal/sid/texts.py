r"""The machine SID in files that are plain text: tasks, security templates, policies.

The registry keeps a hash of each task's XML, `TaskCache\Tasks\{…}` `Hash`, and Windows does not run a
task whose file has another (reported). Which bytes and which function make it is told by the task
itself: the form that gives the present hash gives the new one (inferred: SHA-256; before a fix of
2010, CRC-32), and a task that fits none stays as it is and is listed.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field

from reseal.regf import types
from reseal.session import Session
from reseal.sid import places
from reseal.sid.replacement import Replacement
from reseal.tree import TreeError, join

TASK_CACHE = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache\Tasks"
#: The largest text that is read.
_MAX_TEXT = 16 << 20
_MARKS = (b"\xff\xfe", b"\xef\xbb\xbf")


@dataclass(slots=True)
class Texts:
    """What became of the text files.

    Attributes:
        changed: the files, with the number of places in each.
        refused: files that hold the SID and stay as they are, with the reason.
    """

    changed: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def replace(session: Session, replacement: Replacement) -> Texts:
    """Stage the new SID in tasks and other text files."""
    result = Texts()
    tasks = places.files(session, places.TASKS)
    cached: dict[str, str] | None = None
    for path, entry in {**tasks, **places.files(session, *places.TEXTS)}.items():
        if entry.size > _MAX_TEXT:
            result.refused[path] = "it is larger than any real one"
            continue
        try:
            old = session.files.read(path)
        except TreeError as error:
            session.note(f"{path} was not examined: {error.message}")
            continue
        new = replacement.in_bytes(old)
        if new == old:
            continue
        if path in tasks:
            cached = _cached_tasks(session) if cached is None else cached
            key = cached.get(path.lower())
            if key is not None and not _rehash(session, key, old, new):
                result.refused[path] = "the registry's hash of the task is of an unknown form"
                continue
        session.write_file(path, new)
        result.changed[path] = replacement.count(old)
    return result


def _cached_tasks(session: Session) -> dict[str, str]:
    """The keys of the registry's copies of the tasks, by the path of the file in lower case."""
    top = session.registry.key(TASK_CACHE)
    found: dict[str, str] = {}
    for key in top.subkeys() if top else ():
        value = key.value("Path")
        if value is not None and isinstance(value.decoded, str):
            path = session.installation.path(join(r"System32\Tasks", value.decoded))
            found[path.lower()] = rf"{TASK_CACHE}\{key.name}"
    return found


def _rehash(session: Session, key: str, old: bytes, new: bytes) -> bool:
    """Bring the hash of a task up to date; false where it is of an unknown form."""
    stored = session.registry.value(key, "Hash")
    if stored is None:
        return True
    for function in (_sha256, _crc32):
        for form in (_whole, _without_mark):
            if function(form(old)) == stored:
                session.set_value(key, "Hash", types.REG_BINARY, function(form(new)))
                return True
    return False


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _crc32(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def _whole(data: bytes) -> bytes:
    return data


def _without_mark(data: bytes) -> bytes:
    for mark in _MARKS:
        data = data.removeprefix(mark)
    return data
