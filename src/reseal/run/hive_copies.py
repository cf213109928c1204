"""Copy hives out of an image, and write them back, so that commands for hive files work on images.

The copies are in memory. They are written back through a session, so the image is changed completely or not
at all, and only if its hives are still the same.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reseal.bitlocker import Key
from reseal.errors import CheckError
from reseal.mark import Mark
from reseal.regf import Hive, diff
from reseal.run.image import read
from reseal.run.opening import Found, choose
from reseal.session.change import State, key_state, value_state
from reseal.session.session import Session
from reseal.tree import join
from reseal.windows.names import (
    DEFAULT_PROFILE,
    DRIVERS_HIVE,
    LOG_SUFFIXES,
    MACHINE_HIVES,
    split_root,
)
from reseal.windows.registry import Registry

_NAME = "reg"
#: The system account, whose hive is HKU\\.DEFAULT.
_SYSTEM = {"S-1-5-18"}
#: The kind of change for each kind of difference between two hives.
_KINDS = {
    "key added": "create_key",
    "key removed": "delete_key",
    "key name": "rename_key",
    "class": "set_class",
    "descriptor": "set_descriptor",
    "value added": "set_value",
    "value removed": "delete_value",
    "value changed": "set_value",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """A hive that was copied out.

    Attributes:
        name: its name, such as `SYSTEM` or a profile's SID.
        data: the content of its file.
        logs: the content of its log files, by kind.
        digest: SHA-256 of the file in the image.
        control_sets: for SYSTEM, the control sets in Select, the current one first.
    """

    name: str
    data: bytes
    logs: dict[str, bytes]
    digest: str
    control_sets: tuple[str, ...]


def hive_name(path: str) -> str:
    r"""The name of the hive that holds a path such as `HKLM\SYSTEM\Setup`. ValueError if none."""
    root, rest = split_root(path)
    name = rest.partition("\\")[0].upper()
    if root == "HKU" and name in {".DEFAULT", "S-1-5-18"}:
        return "DEFAULT"
    if root == "HKU" and name == "DEFAULT":
        return DEFAULT_PROFILE
    if root not in {"HKLM", "HKU"} or not name:
        msg = (
            f"{path} is not in a hive; use HKLM\\SYSTEM, HKLM\\SOFTWARE, HKU\\.DEFAULT or similar."
        )
        raise ValueError(msg)
    return name


def hives_of(
    image: Path,
    *,
    volume: str | None = None,
    index: int | None = None,
    allow_backing: bool = False,
    keys: tuple[Key, ...] = (),
) -> dict[str, str]:
    """Return the hives of an image: the file of each by the full path of its root.

    Args:
        image: a disk image, a WIM, or a folder with a Windows.
        volume: the installation, in the notation of `--volume`.
        index: the index of an image in a WIM; None for the only one.
        allow_backing: whether backing files may be outside the image's folder.
        keys: keys for volumes that BitLocker encrypts; a volume with a clear key needs none.
    """

    def job(found: list[Found]) -> dict[str, Any]:
        registry = choose(found, volume, str(image)).installation.registry
        roots = {name: rf"HKEY_LOCAL_MACHINE\{name}" for name in (*MACHINE_HIVES, DRIVERS_HIVE)}
        roots |= {"DEFAULT": r"HKEY_USERS\.DEFAULT", DEFAULT_PROFILE: r"HKEY_USERS\Default"}
        roots |= {sid: rf"HKEY_USERS\{sid}" for sid in registry.profiles if sid not in _SYSTEM}
        files = {root: registry.file(name) for name, root in roots.items()}
        there = {root: file for root, file in files.items() if file and registry.tree.stat(file)}
        return {"hives": there}

    found: dict[str, str] = read(image, job, index=index, allow_backing=allow_backing, keys=keys)[
        "hives"
    ]
    return found


def take_out(
    image: Path,
    name: str,
    *,
    volume: str | None = None,
    index: int | None = None,
    allow_backing: bool = False,
    ignore_logs: bool = False,
    keys: tuple[Key, ...] = (),
) -> Taken:
    """Copy a hive with its logs out of an image.

    Args:
        image: a disk image, or a folder with a Windows.
        name: the hive, as returned by `hive_name`.
        volume: the installation, in the notation of `--volume`.
        index: the index of an image in a WIM; None for the only one.
        allow_backing: whether backing files may be outside the image's folder.
        ignore_logs: whether to read the control sets without the logs.
        keys: keys for volumes that BitLocker encrypts; a volume with a clear key needs none.

    Raises:
        CheckError: the image does not have the hive.
    """
    # In memory: a copy of SAM must not lie on a disk, however this process ends.
    number = os.memfd_create("hive", os.MFD_CLOEXEC)

    def job(found: list[Found]) -> dict[str, Any]:
        registry = choose(found, volume, str(image)).installation.registry
        file = registry.file(name)
        if file is None or registry.tree.stat(file) is None:
            msg = f"{image} has no hive {name}. Nothing was changed."
            raise CheckError(msg, "`reseal reg query IMAGE` lists its hives.")
        sizes = {}
        with open(number, "wb", closefd=False) as copy:
            sizes[""] = copy.write(registry.tree.read(file))
            for suffix in LOG_SUFFIXES:
                if registry.tree.stat(f"{file}.{suffix}"):
                    sizes[suffix] = copy.write(registry.tree.read(f"{file}.{suffix}"))
        return {
            "sizes": sizes,
            "control_sets": registry.control_sets if name == "SYSTEM" else [],
        }

    with open(number, "rb") as copy:  # noqa: PTH123
        record = read(
            image,
            job,
            index=index,
            allow_backing=allow_backing,
            ignore_logs=ignore_logs,
            keys=keys,
            keeps=(number,),
        )
        copy.seek(0)
        parts = {suffix: copy.read(size) for suffix, size in record["sizes"].items()}
    data = parts.pop("")
    digest = hashlib.sha256(data).hexdigest()
    return Taken(name, data, parts, digest, tuple(record["control_sets"]))


def replace_all(
    session: Session, changed: list[tuple[Taken, bytes]], *, detailed: bool = False
) -> None:
    """Stage the new content of hives, all or none, with empty logs.

    Args:
        session: the session.
        changed: the hives that were copied out, with their new content.
        detailed: whether to record each changed value instead of the file. This compares the hives key by
            key.

    Raises:
        CheckError: a hive in the image is no longer the one that was copied.
    """
    with session.acting(_NAME, Mark.SEEN):
        for taken, data in changed:
            _replace(taken, data, session, detailed=detailed)


def _replace(taken: Taken, data: bytes, session: Session, *, detailed: bool) -> None:
    registry: Registry = session.registry
    file = registry.file(taken.name)
    if file is None or hashlib.sha256(registry.tree.read(file)).hexdigest() != taken.digest:
        msg = f"Another program changed the hive {taken.name} of the image. Nothing was written."
        raise CheckError(msg, "Run the command again.")
    if detailed and _record(taken.name, data, session):
        session.files.write(file, data)
    else:
        session.write_file(file, data)
    for suffix in LOG_SUFFIXES:
        log = registry.tree.stat(f"{file}.{suffix}")
        if log and log.size:
            session.write_file(f"{file}.{suffix}", b"")


def _record(name: str, data: bytes, session: Session) -> bool:
    """Record the differences between a hive of the image and its new content; return if any exist.

    The session's registry shows the new content afterwards.
    """
    known = len(session.changes)
    loaded = session.registry.load(name)
    assert loaded is not None
    shown, old, new = session.registry.shown(name), loaded.hive, Hive.open(data, name=name)
    for one in diff.diff(old.root, new.root):
        key = join(shown, one.path) if one.path else shown
        target = key if one.value is None else f"{key}\\\\{one.value}"
        gone = old.key(one.path) if one.kind == "key removed" else None
        before = key_state(gone) if gone else _side(one.value, one.before)
        after: State = (
            {"keys": 1, "values": 0} if one.kind == "key added" else _side(one.value, one.after)
        )
        session.record(_KINDS[one.kind], target, before, after)
    loaded.hive = new
    return len(session.changes) > known


def _side(name: str | None, content: tuple[int, bytes] | bytes | None) -> State:
    if isinstance(content, tuple):
        return value_state(name or "", *content)
    return None if content is None else {"bytes": content.hex()}
