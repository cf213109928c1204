"""The hives of an image as TARGET of `reseal reg`."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reseal.cli import console
from reseal.errors import UsageError
from reseal.operations.reg import put_back
from reseal.regf import exchange
from reseal.regf.file import HiveFile
from reseal.regf.regfile import full_root

if TYPE_CHECKING:
    from reseal.bitlocker import Key
    from reseal.regf import Hive
    from reseal.regf.regfile import Section
    from reseal.run.hive_copies import Taken

_MAGIC = b"regf"
_CURRENT = "currentcontrolset"


def is_image(target: Path) -> bool:
    """Whether TARGET is a folder or a disk image rather than a hive."""
    if target.is_dir():
        return True
    try:
        with target.open("rb") as file:
            return file.read(len(_MAGIC)) != _MAGIC and target.stat().st_size >= 1 << 20
    except OSError:
        return False


class ImageHives:
    """The hives of an image, each taken out when a path names it."""

    def __init__(
        self, image: Path, volume: str | None, keys: tuple[Key, ...], *, ignore_logs: bool
    ) -> None:
        self._image = image
        self._volume = volume
        self._keys = keys
        self._ignore_logs = ignore_logs
        self._folder = Path(tempfile.mkdtemp(prefix="reseal-"))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self._open: dict[str, tuple[Taken, HiveFile]] = {}

    def places(self, path: str) -> list[tuple[Hive, str, str]]:
        """The hive for a path, the path in it and its root; `CurrentControlSet` gives one a set."""
        from reseal.run.hive_copies import hive_name  # noqa: PLC0415  only images need it

        try:
            name = hive_name(path)
        except ValueError as error:
            raise UsageError(str(error)) from error
        taken, file = self._hive(name)
        root, _, rest = path.strip("\\").partition("\\")
        first, _, below = rest.partition("\\")
        mounted = f"{root}\\{first}"
        head, _, behind = below.partition("\\")
        if taken.control_sets and head.lower() == _CURRENT:
            return [
                (file.hive, "\\".join(filter(None, (one, behind))), mounted)
                for one in taken.control_sets
            ]
        return [(file.hive, below, mounted)]

    def apply(self, sections: list[Section]) -> Hive:
        """Do what the sections of a .reg file say, in every hive that they name."""
        grouped: dict[tuple[str, str], list[Section]] = {}
        for section in sections:
            for hive, below, root in self.places(full_root(section.path)):
                path = f"{root}\\{below}" if below else root
                grouped.setdefault((hive.name, root), []).append(replace(section, path=path))
        hives = {file.hive.name: file.hive for _, file in self._open.values()}
        for (name, root), entries in grouped.items():
            exchange.apply(hives[name].root, entries, root)
        if not hives:
            msg = "The .reg file names no key."
            raise UsageError(msg)
        return next(iter(hives.values()))

    def _hive(self, name: str) -> tuple[Taken, HiveFile]:
        from reseal.run.hive_copies import take_out  # noqa: PLC0415  only images need it

        if name not in self._open:
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            taken = take_out(
                self._image,
                name,
                folder,
                volume=self._volume,
                ignore_logs=self._ignore_logs,
                keys=self._keys,
            )
            file = HiveFile(taken.copy, ignore_logs=self._ignore_logs)
            # It is in memory now; a copy of SAM is to lie nowhere longer than it must.
            shutil.rmtree(folder, ignore_errors=True)
            file.hive.name = f"{name} of {self._image}"
            self._open[name] = (taken, file)
        return self._open[name]

    def commit(self, command: str, *, backup: bool, reports: tuple[Path, ...]) -> bool:
        """Put back what changed; return whether anything did."""
        if backup:
            msg = "--backup keeps a hive file; an image has no place for one."
            raise UsageError(msg, "Export the key first, or work on a copy of the image.")
        changed = [(taken, file) for taken, file in self._open.values() if file.hive.changed]
        if changed or reports:
            contents = [(taken, bytes(file.hive.to_bytes())) for taken, file in changed]
            record = put_back(
                self._image, command, contents, volume=self._volume, detailed=bool(reports)
            )
            console.keep(record, reports)
        return bool(changed)
