"""Machines that an image can move to: their firmware, and the devices between it and its disk.

Each machine is a data file of this folder:

| key | what |
|---|---|
| `title` | one line |
| `firmware` | `uefi`, `bios`, or both, the usual one first |
| `secure_boot` | what its firmware trusts by default: `2011`, `2023` or `off`; left out if that varies |
| `db`, `dbx` | files with what its firmware trusts and has revoked, relative to this one; see `signature_lists` |
| `any_fat` | whether its UEFI firmware starts a loader from FAT volumes of any partition type |
| `architectures` | of the loaders that its UEFI firmware starts; `amd64` and `arm64` if left out |
| `first_build` | the first build of Windows that it supports |
| `sector_size` | bytes of a logical sector of its disk; 512 if left out |
| `mark`, `source` | how these are known |
| `devices` | from the bus to the controller of the disk: `what`, and `ids`, of which the device has one |
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from reseal.errors import UsageError
from reseal.mark import Mark
from reseal.rehearsal.signature_lists import Lists, read

_SUFFIX = ".toml"
_MAX_SIZE = 64 << 10
_FIRMWARE = {"uefi", "bios"}
SECURE_BOOT = ("2011", "2023", "off")
#: 64-bit firmware starts 64-bit loaders only (documented: Microsoft, UEFI firmware).
_ARCHITECTURES = ("amd64", "arm64")
_KEYS = {
    "title", "firmware", "secure_boot", "db", "dbx", "any_fat",
    "architectures", "first_build", "sector_size", "mark", "source", "devices",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HostDevice:
    """A device that needs a driver before Windows reaches its disk.

    Attributes:
        what: its name in a sentence.
        ids: the hardware and compatible ids that it may have.
    """

    what: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine.

    Attributes:
        name: its name on the command line.
        title: one line.
        firmware: `uefi`, `bios`, or both.
        devices: the devices up to the controller of its disk.
        mark: how well it is known.
        source: the source of that knowledge.
        secure_boot: what its firmware trusts by default; None if that varies.
        db: what its firmware trusts; None if that is not known.
        dbx: what its firmware has revoked; None if that is not known.
        any_fat: whether its UEFI firmware ignores the partition type of a FAT volume.
        architectures: of the loaders that its UEFI firmware starts.
        first_build: the first build of Windows that it supports; 0 for any.
        sector_size: bytes of a logical sector of its disk.
    """

    name: str
    title: str
    firmware: tuple[str, ...]
    devices: tuple[HostDevice, ...]
    mark: Mark
    source: str
    secure_boot: str | None = None
    db: Lists | None = None
    dbx: Lists | None = None
    any_fat: bool = False
    architectures: tuple[str, ...] = _ARCHITECTURES
    first_build: int = 0
    sector_size: int = 512


def names() -> list[str]:
    """Return the names of the machines that reseal knows."""
    listed = files(__package__).iterdir()
    return sorted(one.name.removesuffix(_SUFFIX) for one in listed if one.name.endswith(_SUFFIX))


@cache
def known() -> tuple[Machine, ...]:
    """Return the machines that reseal knows, by name."""
    return tuple(
        _parsed(name, files(__package__).joinpath(name + _SUFFIX).read_bytes()) for name in names()
    )


def find(name: str) -> Machine:
    """Return a machine by its name, or the one in a file.

    Args:
        name: a name, or the path of a .toml file.

    Raises:
        UsageError: no machine has this name, or the file does not describe one.
    """
    if name.lower().endswith(_SUFFIX):
        return _from_file(Path(name))
    found = next((one for one in known() if one.name == name.lower()), None)
    if found is None:
        msg = f"The machine {name} is not known."
        hint = f"Use a file FILE.toml, or one of {', '.join(names())}."
        raise UsageError(msg, hint)
    return found


def _from_file(path: Path) -> Machine:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except OSError as error:
        msg = f"The machine {path} can't be read: {error.strerror}."
        raise UsageError(msg, "`reseal rehearse --machine list` lists the known ones.") from error
    if len(data) > _MAX_SIZE:
        msg = f"{path} is too large for a description of a machine."
        raise UsageError(msg, f"It has at most {_MAX_SIZE} bytes.")
    return _parsed(str(path), data, path.parent)


def _parsed(name: str, data: bytes, folder: Path = Path()) -> Machine:
    try:
        found = tomllib.loads(data.decode())
        db, dbx = (
            read(folder / str(found[key])) if key in found else None for key in ("db", "dbx")
        )
        return replace(_machine(name, found), db=db, dbx=dbx)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, ValueError, KeyError) as error:
        said = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        msg = f"{name} does not describe a machine: {said}."
        hint = (
            'It needs title, firmware = ["uefi"] and a [[devices]] with what = "…" and ids = ["…"].'
        )
        raise UsageError(msg, hint) from error


def _machine(name: str, found: dict[str, Any]) -> Machine:
    if unknown := sorted(set(found) - _KEYS):
        raise ValueError(f"it has the unknown key {unknown[0]}")
    firmware = tuple(found["firmware"])
    secure_boot = found.get("secure_boot")
    if not firmware or not set(firmware) <= _FIRMWARE:
        raise ValueError("its firmware is neither uefi nor bios")
    if secure_boot is not None and secure_boot not in SECURE_BOOT:
        raise ValueError(f"its secure_boot is none of {', '.join(SECURE_BOOT)}")
    devices = tuple(
        HostDevice(str(one["what"]), tuple(map(str, one["ids"]))) for one in found["devices"]
    )
    if not devices or not all(one.ids for one in devices):
        raise ValueError("it has no device with ids")
    return Machine(
        name=name,
        title=str(found["title"]),
        firmware=firmware,
        devices=devices,
        mark=Mark(found.get("mark", Mark.REPORTED)),
        source=str(found.get("source", name)),
        secure_boot=secure_boot,
        any_fat=bool(found.get("any_fat", False)),
        architectures=tuple(map(str, found.get("architectures", _ARCHITECTURES))),
        first_build=int(found.get("first_build", 0)),
        sector_size=int(found.get("sector_size", 512)),
    )
