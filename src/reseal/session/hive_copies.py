"""Hives taken out of an image, and put back: what works on a hive file works on an image.

The hives lie in a private folder of the host while they are worked on. They go back through a session,
so that the image is either untouched or done, and only where the image's own hives are still those that
were taken out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from reseal.errors import CheckError
from reseal.session.change import Mark
from reseal.session.opening import Found, choose
from reseal.session.run import Options, change, read
from reseal.windows.registry import DEFAULT_PROFILE, LOG_SUFFIXES, Registry, split_root

if TYPE_CHECKING:
    from pathlib import Path

    from reseal.session.session import Session

_NAME = "reg"


@dataclass(frozen=True, slots=True)
class Taken:
    """A hive that was taken out.

    Attributes:
        name: its name, such as `SYSTEM` or a profile's SID.
        copy: where it lies on the host, its logs beside it.
        digest: SHA-256 of the file as it was in the image.
        control_sets: for SYSTEM, the control sets that Select names, the current one first.
    """

    name: str
    copy: Path
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
        msg = f"{path} names no hive; begin with HKLM\\SYSTEM, HKLM\\SOFTWARE, HKU\\.DEFAULT or so."
        raise ValueError(msg)
    return name


def take_out(
    image: Path, name: str, folder: Path, *, volume: str | None = None, ignore_logs: bool = False
) -> Taken:
    """Copy a hive with its logs out of an image.

    Args:
        image: a disk image or a folder with a Windows in it.
        name: the hive, as `hive_name` gives it.
        folder: a private folder of the host.
        volume: which Windows, as `--volume` names it.
        ignore_logs: whether the control sets are read without the logs.

    Raises:
        CheckError: the image has no such hive.
    """
    # The name may come from a command line; the file's own name must not.
    copy = folder / "hive"

    def job(found: list[Found]) -> dict[str, Any]:
        registry = choose(found, volume, str(image)).installation.registry
        file = registry.file(name)
        if file is None or registry.tree.stat(file) is None:
            msg = f"{image} has no hive {name}. Nothing was changed."
            raise CheckError(msg, "`reseal inspect` lists the hives that it has.")
        data = registry.tree.read(file)
        copy.write_bytes(data)
        for suffix in LOG_SUFFIXES:
            if registry.tree.stat(f"{file}.{suffix}"):
                copy.with_name(f"hive.{suffix}").write_bytes(registry.tree.read(f"{file}.{suffix}"))
        sets = registry.control_sets if name == "SYSTEM" else []
        return {"digest": hashlib.sha256(data).hexdigest(), "control_sets": sets}

    record = read(image, job, ignore_logs=ignore_logs)
    return Taken(name, copy, record["digest"], tuple(record["control_sets"]))


def put_back(image: Path, changed: list[tuple[Taken, bytes]], *, volume: str | None = None) -> None:
    """Write the new content of hives into the image, all or none, and empty their logs.

    Raises:
        CheckError: the image's hive is no longer the one that was taken out.
    """
    change(image, partial(_replace_all, changed), lambda _: [], Options(volume=volume))


def _replace_all(changed: list[tuple[Taken, bytes]], session: Session) -> dict[str, Any]:
    for taken, data in changed:
        _replace(taken, data, session)
    return {"result": "written"}


def _replace(taken: Taken, data: bytes, session: Session) -> None:
    registry: Registry = session.registry
    file = registry.file(taken.name)
    if file is None or hashlib.sha256(registry.tree.read(file)).hexdigest() != taken.digest:
        msg = f"The hive {taken.name} of the image was changed meanwhile. Nothing was changed."
        raise CheckError(msg, "Run the command again.")
    with session.acting(_NAME, Mark.SEEN):
        session.write_file(file, data)
        for suffix in LOG_SUFFIXES:
            log = registry.tree.stat(f"{file}.{suffix}")
            if log and log.size:
                session.write_file(f"{file}.{suffix}", b"")
