"""The hives of an image, for `reseal reg`."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reseal.cli import console
from reseal.errors import UsageError
from reseal.hostfile import open_regular
from reseal.operations.operation import Writing
from reseal.operations.operation import run as run_operation
from reseal.operations.reg import PutBack
from reseal.regf import exchange
from reseal.regf.file import HiveFile
from reseal.regf.regfile import full_root

if TYPE_CHECKING:
    from reseal.cli.run import Run
    from reseal.regf import Hive
    from reseal.regf.regfile import Section
    from reseal.run.hive_copies import Taken

_MAGIC = b"regf"
_WIM = b"MSWIM\0\0\0"
#: Bytes of a raw disk; a hive of this size has its magic.
_SMALLEST_DISK = 1 << 20
_CURRENT = "currentcontrolset"


def is_image(target: Path) -> bool:
    """Whether TARGET is a folder, a disk image or a WIM rather than a hive."""
    if target.is_dir():
        return True
    try:
        with open_regular(target) as file:
            start = file.read(max(len(_MAGIC), len(_WIM)))
        if start.startswith(_MAGIC) or not start:
            return False
        if start.startswith(_WIM) or target.stat().st_size >= _SMALLEST_DISK:
            return True
    except OSError:
        return False
    # A new overlay is small, and a damaged hive may lack its magic.
    from reseal.disk.formats import is_container  # noqa: PLC0415  hives don't need it

    return is_container(target)


class ImageHives:
    """The hives of an image, each extracted when a path first names it."""

    def __init__(self, image: Path, writing: Writing, *, ignore_logs: bool) -> None:
        self._image = image
        self._writing = writing
        self._ignore_logs = ignore_logs
        self._folder = Path(tempfile.mkdtemp(prefix="reseal-"))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        self._open: dict[str, tuple[Taken, HiveFile]] = {}

    def places(self, path: str) -> list[tuple[Hive, str, str]]:
        """Return hive, path in it and its root for a path; for `CurrentControlSet` once per set."""
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
        """Apply the sections of a .reg file to every hive that they name."""
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
                volume=self._writing.volume,
                index=self._writing.index,
                allow_backing=self._writing.allow_backing,
                ignore_logs=self._ignore_logs,
                keys=self._writing.keys,
            )
            file = HiveFile(taken.copy, ignore_logs=self._ignore_logs)
            # It is in memory now; a copy of SAM is to lie nowhere longer than it must.
            shutil.rmtree(folder, ignore_errors=True)
            file.hive.name = f"{name} of {self._image}"
            self._open[name] = (taken, file)
        return self._open[name]

    def commit(self, command: str, run: Run, *, backup: bool) -> bool:
        """Put back what changed; return whether anything did.

        See `Registry.commit`.

        Raises:
            UsageError: `backup` is set.
        """
        if backup:
            msg = "--backup keeps a hive file; an image has no place for one."
            raise UsageError(msg, "Export the key first, or write a new image with --output.")
        changed = [(taken, file) for taken, file in self._open.values() if file.hive.changed]
        if changed or run.report_files or self._writing.output:
            contents = [(taken, bytes(file.hive.to_bytes())) for taken, file in changed]
            operation = PutBack(command, contents, detailed=bool(run.report_files))
            record = run_operation(self._image, operation, self._writing)
            console.keep(record, run.report_files)
        return bool(changed)
