r"""Convert keys and values of a hive to .reg sections, and apply sections to a hive.

A hive does not record where Windows mounts it, so the caller gives the path of its root as a prefix, such
as `HKEY_LOCAL_MACHINE\SYSTEM`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from reseal.regf import names
from reseal.regf.errors import RegfError
from reseal.regf.key import Key
from reseal.regf.reader import Reader
from reseal.regf.regfile import Section, ValueLine, expressible, full_root

#: Mount points of hives by file name (documented: "Registry Hives").
MOUNT_POINTS = {
    "SYSTEM": r"HKEY_LOCAL_MACHINE\SYSTEM",
    "SOFTWARE": r"HKEY_LOCAL_MACHINE\SOFTWARE",
    "SAM": r"HKEY_LOCAL_MACHINE\SAM",
    "SECURITY": r"HKEY_LOCAL_MACHINE\SECURITY",
    "COMPONENTS": r"HKEY_LOCAL_MACHINE\COMPONENTS",
    "DRIVERS": r"HKEY_LOCAL_MACHINE\DRIVERS",
    "BCD": r"HKEY_LOCAL_MACHINE\BCD00000000",
    "DEFAULT": r"HKEY_USERS\.DEFAULT",
    "NTUSER.DAT": r"HKEY_CURRENT_USER",
    "USRCLASS.DAT": r"HKEY_CURRENT_USER\Software\Classes",
}


def mount_point(file_name: str) -> str:
    """Return the prefix for a hive file by its name; a backup has the prefix of its original."""
    if file_name.upper().endswith(".BAK"):
        file_name = file_name[:-4]
    return MOUNT_POINTS.get(file_name.upper(), rf"HKEY_LOCAL_MACHINE\{file_name}")


def sections(
    key: Key, prefix: str, skipped: Callable[[str], None] | None = None
) -> Iterator[Section]:
    """Yield a key and its subkeys as sections.

    Args:
        key: the top key.
        prefix: the full path of the hive's root.
        skipped: called with the path of each key and value that a .reg file can't express.

    Raises:
        RegfError: the hive is damaged.
    """
    reader = Reader(key.hive.cells)
    top = _join(prefix, key.path)
    skip: str | None = None
    for path, _, found in reader.walk(key.offset, top):
        if skip is not None and path.startswith(skip):
            continue
        skip = None
        values: list[ValueLine] = []
        for value in reader.values(found):
            if expressible(value.name):
                values.append(ValueLine(value.name, value.type, value.data))
            elif skipped is not None:
                skipped(f"{path}: {value.name!r}")
        if expressible(path):
            yield Section(path, values=values)
        else:
            skip = path + "\\"
            if skipped is not None:
                skipped(repr(path))


def _join(prefix: str, path: str) -> str:
    return f"{prefix}\\{path}" if path else prefix


def relative(path: str, prefix: str) -> str | None:
    """Return the part of a full path below a prefix, or None if it is outside."""
    path, prefix = full_root(path), full_root(prefix).rstrip("\\")
    head, rest = path[: len(prefix)], path[len(prefix) :]
    if names.upcase(head) != names.upcase(prefix) or (rest and rest[0] != "\\"):
        return None
    return rest.strip("\\")


def apply(root: Key, entries: Iterable[Section], prefix: str) -> int:
    """Apply sections to a hive; return the number of keys and values in them.

    All paths are checked before the first change.

    Args:
        root: the root key of the hive.
        entries: the sections.
        prefix: the full path of the hive's root.

    Raises:
        RegfError: a section is not below the prefix or would delete the hive's root; the hive was not
            changed.
    """
    work: list[tuple[str, Section]] = []
    for section in entries:
        path = relative(section.path, prefix)
        if path is None:
            msg = f"{section.path} is not in this hive, whose root is {prefix}."
            raise RegfError(msg, hint="Give the path of the hive's root with --prefix.")
        if section.delete and not path:
            msg = f"{section.path} is the root of the hive and can't be deleted."
            raise RegfError(msg)
        work.append((path, section))
    count = 0
    for path, section in work:
        count += 1 + len(section.values)
        if section.delete:
            doomed = root.key(path)
            if doomed is not None:
                doomed.delete()
            continue
        key = root.create(path)
        # Keep the order, because a file may set and delete the same value; batch consecutive settings.
        for deletes, run in groupby(section.values, key=lambda value: value.type is None):
            if deletes:
                for value in run:
                    key.unset(value.name)
            else:
                key.set_all((v.name, v.type, v.data) for v in run if v.type is not None)
    return count
