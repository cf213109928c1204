"""dissect.ntfs, an independent reader, asked for all that a WIM has to keep of a volume."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE, c_ntfs

from tests.ntfs.oracle import mounted

#: Namespaces of FILE_NAME attributes.
_DOS, _BOTH = 2, 3
_SDS_HEADER = 20


@dataclass
class Entry:
    """What dissect says of one name on a volume."""

    directory: bool
    attributes: int
    times: tuple[int, int, int]
    descriptor: bytes
    short_name: str | None
    reparse: bytes | None
    streams: dict[str, bytes] = field(default_factory=dict)
    #: All names of the file, by which hard links are told.
    links: frozenset[str] = frozenset()


def volume(path: Path, *, root: bool = True) -> dict[str, Entry]:
    """Return everything below the root of a volume, by path, but the file system's own files."""
    found: dict[str, Entry] = {}
    files: dict[int, list[str]] = {}
    with mounted(path) as ntfs:
        if root:
            found["\\"] = _entry(ntfs, ntfs.mft.root, None)
        pending = [("", ntfs.mft.root)]
        while pending:
            folder, record = pending.pop()
            for name, entry in record.listdir(ignore_dos=True).items():
                child = entry.dereference()
                if child.segment < 24:
                    continue
                child_path = f"{folder}\\{name}" if folder else name
                found[child_path] = _entry(ntfs, child, (record.segment, name))
                if not child.is_dir():
                    files.setdefault(child.segment, []).append(child_path)
                if child.is_dir() and not child.is_reparse_point():
                    pending.append((child_path, child))
    for paths in files.values():
        for one in paths:
            found[one].links = frozenset(paths)
    return found


def _entry(ntfs: Any, record: Any, place: tuple[int, str] | None) -> Entry:
    kinds = ATTRIBUTE_TYPE_CODE
    information = record.attributes[kinds.STANDARD_INFORMATION][0]
    times = tuple(
        int(getattr(information, f"{which}_time_ns"))
        for which in ("creation", "last_modification", "last_access")
    )
    entry = Entry(
        directory=record.is_dir(),
        attributes=int(information.file_attributes),
        times=times,  # type: ignore[arg-type]
        descriptor=_descriptor(ntfs, record, int(information.security_id)),
        short_name=_short_name(record, place) if place else None,
        reparse=None,
    )
    if kinds.REPARSE_POINT in record.attributes:
        entry.reparse = record.open("", kinds.REPARSE_POINT).read()
    for attribute in record.attributes.get(kinds.DATA, []):
        entry.streams[attribute.name] = record.open(attribute.name).read()
    return entry


def _descriptor(ntfs: Any, record: Any, number: int) -> bytes:
    if not number:
        # In the format of Windows NT 4 the record itself has it.
        data: bytes = record.open("", ATTRIBUTE_TYPE_CODE.SECURITY_DESCRIPTOR).read()
        return data
    found = c_ntfs._SECURITY_DESCRIPTOR_HEADER(io.BytesIO(ntfs.secure.sii.search(number).data))
    ntfs.secure.sds.seek(found.Offset + _SDS_HEADER)
    return bytes(ntfs.secure.sds.read(found.Length - _SDS_HEADER))


def _short_name(record: Any, place: tuple[int, str]) -> str | None:
    folder, name = place
    for attribute in record.attributes[ATTRIBUTE_TYPE_CODE.FILE_NAME]:
        own = attribute.attribute.attr
        if own.ParentDirectory.SegmentNumberLowPart != folder:
            continue
        if int(own.Flags) == _BOTH and attribute.file_name == name:
            return name
        if int(own.Flags) == _DOS:
            return str(attribute.file_name)
    return None
