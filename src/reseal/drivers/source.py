"""Driver packages in a folder of this computer, and their files.

The folder may be a whole driver collection with packages for many versions of Windows, such as the
contents of virtio-win. Names are looked up without regard to case, as Windows does. Nothing outside the
folder is read: a link or a name that leads out of it is refused, since its target would end up in the
image.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reseal.drivers.inf import MAX_SIZE, Inf, InfError
from reseal.drivers.model import is_name
from reseal.drivers.package import Package
from reseal.errors import UsageError
from reseal.hostfile import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.drivers.target import Target

#: Real driver collections stay below these.
_MAX_ENTRIES = 500_000
_MAX_INFS = 5_000
#: Bytes of one file, and of all that one run takes in: everything is staged in memory.
_MAX_FILE = 512 << 20
_MAX_TOTAL = 2 << 30

#: What virtio-win calls the folders of each Windows, by least build: a workstation, a server (reported:
#: virt-v2v finds drivers by these names).
_FOLDERS = (
    (26100, "w11", "2k25"),
    (22000, "w11", "2k22"),
    (20348, "w10", "2k22"),
    (17763, "w10", "2k19"),
    (10240, "w10", "2k16"),
    (9600, "w8.1", "2k12r2"),
    (9200, "w8", "2k12"),
    (7600, "w7", "2k8r2"),
)


@dataclass
class Source:
    """A folder of driver packages.

    Attributes:
        root: the folder.
        read_bytes: how many bytes were read from it so far.
    """

    root: Path
    read_bytes: int = 0
    _real: Path = field(init=False)
    _folders: dict[Path, dict[str, Path]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Raises UsageError if there is no such folder."""
        if not self.root.is_dir():
            msg = f"{self.root} is no folder."
            raise UsageError(msg, "Name a folder that holds driver packages (INF files).")
        self._real = self.root.resolve()

    def infs(self) -> list[Path]:
        """The INF files in it and below it, in the order of their paths.

        Raises:
            UsageError: it can't be listed, holds none, or holds more than any driver collection.
        """

        def refuse(error: OSError) -> None:
            msg = f"The folder {self.root} can't be read: {error}."
            raise UsageError(msg, "Check its permissions.") from error

        found = []
        entries = 0
        for folder, _, names in os.walk(self.root, onerror=refuse):
            entries += 1 + len(names)
            found += [Path(folder) / one for one in names if one.lower().endswith(".inf")]
            if entries > _MAX_ENTRIES or len(found) > _MAX_INFS:
                msg = f"{self.root} holds more files than any collection of drivers."
                raise UsageError(msg, "Name the folder of the drivers themselves.")
        # Not a pipe, on which reading would wait forever.
        found = [one for one in found if one.is_file()]
        if not found:
            msg = f"{self.root} holds no driver package: there is no INF file in it."
            raise UsageError(msg, "Unpack the drivers first, and name the folder with INF files.")
        return sorted(found)

    def shown(self, path: Path) -> str:
        """A path in it as people read it."""
        return str(path.relative_to(self.root))

    def read(self, path: Path, limit: int = _MAX_FILE) -> bytes:
        """A file's content.

        Raises:
            UsageError: it can't be read, is larger than allowed, or a link leads out of the folder.
        """
        try:
            if not path.resolve().is_relative_to(self._real):
                msg = f"{path} is a link that leads out of {self.root}."
                raise UsageError(msg, "Copy the file into the folder.")
            size = path.stat().st_size
            if size > limit or self.read_bytes + size > _MAX_TOTAL:
                msg = f"{path} has {size} bytes, more than is taken into an image."
                raise UsageError(msg, "Name a folder with fewer or smaller drivers.")
            data = read_regular(path)
        except OSError as error:
            msg = f"{path} can't be read: {error.strerror}."
            raise UsageError(msg, "Check its permissions.") from error
        self.read_bytes += len(data)
        return data

    def find(self, folder: Path, path: str) -> Path | None:
        r"""A file below a folder by its Windows path, whatever the case; None where there is none."""
        place = folder
        for part in path.split("\\"):
            if place not in self._folders:
                if not place.resolve().is_relative_to(self._real):
                    return None
                entries = sorted(place.iterdir()) if place.is_dir() else []
                self._folders[place] = {one.name.lower(): one for one in entries}
            found = self._folders[place].get(part.lower())
            if found is None:
                return None
            place = found
        return place if place.is_file() else None

    def package(
        self, path: Path, target: Target, language: int, include: Callable[[str], Inf | None]
    ) -> Package:
        """Read a package.

        Raises:
            InfError: its INF file is none, or has a name that no file in Windows can have.
        """
        if not is_name(path.name):
            msg = f"{path.name!r} can't be the name of a file in Windows."
            raise InfError(msg)
        inf = Inf(self.read(path, MAX_SIZE), name=self.shown(path), language=language)
        return Package(inf, target, include)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A package that fits this Windows, and where its INF file lies."""

    path: Path
    package: Package

    @property
    def _devices(self) -> set[str]:
        return {one.lower() for model in self.package.models for one in model.ids}

    def replaces(self, other: Candidate) -> bool:
        """Whether both are the same package, made for other versions or in other versions."""
        mine, its = self.package, other.package
        return (
            self.path.name.lower() == other.path.name.lower()
            and (mine.provider, mine.class_guid) == (its.provider, its.class_guid)
            and not self._devices.isdisjoint(other._devices)
        )

    def order(self) -> tuple[object, ...]:
        """The better of two comes last: the more exact, the one in the folder of this Windows, newer."""
        mine = self.package
        date = mine.date.timestamp() if mine.date else float("-inf")
        folders = {part.lower() for part in self.path.parts}
        return mine.fit, _folder_of(mine.target) in folders, date, mine.version, str(self.path)


def best(candidates: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """Choose one of each package; return those that are taken, and those that are not."""
    taken: list[Candidate] = []
    passed: list[Candidate] = []
    for one in sorted(candidates, key=Candidate.order, reverse=True):
        (passed if any(one.replaces(other) for other in taken) else taken).append(one)
    return sorted(taken, key=lambda one: one.path), passed


def _folder_of(target: Target) -> str | None:
    for build, workstation, server in _FOLDERS:
        if target.build >= build:
            return workstation if target.product_type == 1 else server
    return None
