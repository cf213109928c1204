"""Driver packages in a local folder, and their files.

The folder may be a whole driver collection with packages for many Windows versions, such as the contents of
virtio-win. Names ignore case, as in Windows. Nothing outside the folder is read: a link or a name that
leads out of it is refused, since its target would end up in the image.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from reseal.drivers.inf import MAX_SIZE, Inf, InfError
from reseal.drivers.model import is_name
from reseal.drivers.package import Package
from reseal.drivers.target import Target
from reseal.errors import UsageError, os_errors
from reseal.hostfile import read_regular

#: Real driver collections stay below these limits.
_MAX_ENTRIES = 500_000
_MAX_INFS = 5_000
#: Bytes of one file, and of all files of one run: everything is staged in memory.
_MAX_FILE = 512 << 20
_MAX_TOTAL = 2 << 30

#: virtio-win's folder names by minimum build: for a workstation, for a server (reported: virt-v2v finds
#: drivers by these names).
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
        read_bytes: the number of bytes read so far.
    """

    root: Path
    read_bytes: int = 0
    _real: Path = field(init=False)
    _folders: dict[Path, dict[str, Path]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Raise UsageError if the folder does not exist."""
        if not self.root.is_dir():
            msg = f"{self.root} is not a folder."
            raise UsageError(msg, "Name a folder that holds driver packages (INF files).")
        self._real = self.root.resolve()

    def infs(self) -> list[Path]:
        """Return the INF files in it and below it, sorted by path.

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
        # Skip pipes, on which reading would block.
        found = [one for one in found if one.is_file()]
        if not found:
            msg = f"{self.root} holds no driver package: it contains no INF file."
            raise UsageError(msg, "Unpack the drivers first, and name the folder with INF files.")
        return sorted(found)

    def shown(self, path: Path) -> str:
        """Return a path in it, for display."""
        return str(path.relative_to(self.root))

    def read(self, path: Path, limit: int = _MAX_FILE) -> bytes:
        """Return a file's content.

        Raises:
            UsageError: it can't be read, is too large, or a link leads out of the folder.
        """
        with os_errors(f"{path} can't be read", hint="Check its permissions."):
            if not path.resolve().is_relative_to(self._real):
                msg = f"{path} is a link that leads out of {self.root}."
                raise UsageError(msg, "Copy the file into the folder.")
            size = path.stat().st_size
            if size > limit or self.read_bytes + size > _MAX_TOTAL:
                msg = f"{path} has {size} bytes, more than can be added to an image."
                raise UsageError(msg, "Name a folder with fewer or smaller drivers.")
            data = read_regular(path)
        self.read_bytes += len(data)
        return data

    def find(self, folder: Path, path: str) -> Path | None:
        r"""Return the file at a Windows path below a folder, ignoring case; None if there is none."""
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

        Args:
            path: its INF file.
            target: the Windows that it is for.
            language: the LANGID of that Windows.
            include: finds an INF file of that Windows by name.

        Raises:
            InfError: the file is not an INF file, or its name is not valid in Windows.
        """
        if not is_name(path.name):
            msg = f"{path.name!r} is not a valid file name in Windows."
            raise InfError(msg)
        inf = Inf(self.read(path, MAX_SIZE), name=self.shown(path), language=language)
        return Package(inf, target, include)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A package that fits this Windows, and the path of its INF file."""

    path: Path
    package: Package

    @property
    def _devices(self) -> set[str]:
        return {one.lower() for model in self.package.models for one in model.ids}

    def replaces(self, other: Candidate) -> bool:
        """Return whether both are the same package, for other Windows versions or in other versions."""
        mine, its = self.package, other.package
        return (
            self.path.name.lower() == other.path.name.lower()
            and (mine.provider, mine.class_guid) == (its.provider, its.class_guid)
            and not self._devices.isdisjoint(other._devices)
        )

    def order(self) -> tuple[object, ...]:
        """Return a sort key: the closer match, in this Windows' folder, the newer one comes last."""
        mine = self.package
        date = mine.date.timestamp() if mine.date else float("-inf")
        folders = {part.lower() for part in self.path.parts}
        return mine.fit, _folder_of(mine.target) in folders, date, mine.version, str(self.path)


def best(candidates: list[Candidate]) -> tuple[list[Candidate], list[Candidate]]:
    """Choose one version of each package; return the chosen ones, and the others."""
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
