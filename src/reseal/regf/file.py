"""A hive file and its log files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from reseal.errors import os_errors
from reseal.hostfile import open_regular, replace_file
from reseal.regf.errors import RegfError
from reseal.regf.hive import Hive

_KINDS = ("LOG1", "LOG2", "LOG")


class HiveFile:
    """A hive file, read whole and replaced atomically.

    Attributes:
        path: the file; for a link, its target.
        logs: its existing log files, by kind.
        data: its content.
        log_contents: the content of the log files.
        hive: the hive in it.
    """

    def __init__(self, path: Path, *, ignore_logs: bool = False) -> None:
        """Read a hive.

        Args:
            path: the hive; its logs are in the same folder, and their names may differ in case.
            ignore_logs: open a dirty hive without its logs, read-only.

        Raises:
            RegfError: a file can't be read.
        """
        with os_errors(f"{path} can't be read", RegfError):
            self.path = path.resolve(strict=True)
            self.logs = dict(_logs(self.path))
            self.log_contents = {kind: log.read_bytes() for kind, log in self.logs.items()}
            self.data = _read(self.path)
        self._name, self._ignore_logs = path.name, ignore_logs

    @cached_property
    def hive(self) -> Hive:
        """The hive, opened when it is first asked for. Raises RegfError if it is not sound."""
        return Hive.open(
            self.data, self.log_contents, name=self._name, ignore_logs=self._ignore_logs
        )

    def replace(self, data: bytes | bytearray, *, backup: bool = False) -> Path | None:
        """Write new content, and empty the logs.

        The new file replaces the old one atomically. Its sequence numbers make logs that survive a crash
        invalid.

        Args:
            data: the new content.
            backup: keep the old hive and its logs as `NAME.bak`, `NAME.bak.LOG1` and so on.

        Returns:
            The path of the backup, or None.

        Raises:
            RegfError: the file can't be written; the old file is unchanged.
        """
        kept: Path | None = None
        with os_errors(f"{self.path} can't be written", RegfError):
            if backup:
                kept = self._keep()
            replace_file(self.path, data)
            for log in self.logs.values():
                os.truncate(log, 0)
        return kept

    def _keep(self) -> Path:
        kept = self.path.with_name(f"{self.path.name}.bak")
        shutil.copy2(self.path, kept)
        for kind, log in self.logs.items():
            shutil.copy2(log, self.path.with_name(f"{kept.name}.{kind}"))
        return kept


def _logs(path: Path) -> Iterator[tuple[str, Path]]:
    wanted = {f"{path.name}.{kind}".upper(): kind for kind in _KINDS}
    for entry in sorted(path.parent.iterdir()):
        kind = wanted.get(entry.name.upper())
        if kind is not None and entry.is_file():
            yield kind, entry


def _read(path: Path) -> bytearray:
    """Read a file into a bytearray, without a second copy."""
    with open_regular(path) as file:
        data = bytearray(os.fstat(file.fileno()).st_size)
        view, done = memoryview(data), 0
        while done < len(data) and (count := file.readinto(view[done:])):
            done += count
    view.release()
    del data[done:]
    return data
