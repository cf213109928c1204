"""dissect.ntfs, an independent reader, asked what a volume holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dissect.ntfs import NTFS
from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE


@dataclass
class Found:
    """What dissect says of one file or folder."""

    is_directory: bool
    attributes: int
    modified: int
    data: bytes | None = None
    streams: dict[str, bytes] = field(default_factory=dict)
    reparse_tag: int = 0


@contextmanager
def mounted(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        yield NTFS(file)


def describe(record: Any) -> Found:
    information = record.attributes[ATTRIBUTE_TYPE_CODE.STANDARD_INFORMATION][0]
    found = Found(
        is_directory=record.is_dir(),
        attributes=int(information.file_attributes),
        modified=int(information.last_modification_time_ns / 100) + 116_444_736_000_000_000,
    )
    for attribute in record.attributes.get(ATTRIBUTE_TYPE_CODE.DATA, []):
        name = attribute.name
        content = record.open(name).read()
        if name:
            found.streams[name] = content
        else:
            found.data = content
    for attribute in record.attributes.get(ATTRIBUTE_TYPE_CODE.REPARSE_POINT, []):
        found.reparse_tag = int(attribute.tag)
    return found


def tree(path: Path) -> dict[str, Found]:
    """Return everything on a volume below the root, by path, but its own files."""
    found: dict[str, Found] = {}
    with mounted(path) as ntfs:
        pending = [("", ntfs.mft.root)]
        while pending:
            folder, record = pending.pop()
            for name, entry in record.listdir(ignore_dos=True).items():
                child = entry.dereference()
                if child.segment < 24:
                    continue
                child_path = f"{folder}\\{name}" if folder else name
                found[child_path] = describe(child)
                if child.is_dir() and not child.is_reparse_point():
                    pending.append((child_path, child))
    return found
