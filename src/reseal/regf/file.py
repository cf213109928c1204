"""A hive that is a file, with its logs beside it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from reseal.hostfile import open_regular
from reseal.regf.errors import RegfError
from reseal.regf.hive import Hive

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = ("LOG1", "LOG2", "LOG")


class HiveFile:
    """A hive file, read whole, and written back whole or not at all.

    Attributes:
        path: the file; where a link was given, what it points to.
        logs: its log files by kind, as far as they exist.
        hive: the hive in it.
    """

    def __init__(self, path: Path, *, ignore_logs: bool = False) -> None:
        """Read and open a hive.

        Args:
            path: the hive; its logs are found beside it, without regard to case.
            ignore_logs: open a dirty hive as it stands, and read-only.

        Raises:
            RegfError: a file can't be read, or it is no sound hive.
        """
        try:
            self.path = path.resolve(strict=True)
            self.logs = dict(_logs(self.path))
            contents = {kind: log.read_bytes() for kind, log in self.logs.items()}
            data = _read(self.path)
        except OSError as error:
            msg = f"{path} can't be read: {error.strerror}."
            raise RegfError(msg) from error
        self.hive = Hive.open(data, contents, name=path.name, ignore_logs=ignore_logs)

    def save(self, *, backup: bool = False) -> Path | None:
        """Write the hive where it changed, and empty its logs.

        The new file takes the place of the old one in one step; a crash leaves either. With its
        sequence numbers the logs that may still be there then mean nothing.

        Args:
            backup: keep the old hive and its logs as `NAME.bak`, `NAME.bak.LOG1` and so on.

        Returns:
            The backup of the hive, where one was made.

        Raises:
            RegfError: it can't be written; the old file is as it was.
        """
        if not self.hive.changed:
            return None
        return self.replace(self.hive.to_bytes(), backup=backup)

    def replace(self, data: bytes | bytearray, *, backup: bool = False) -> Path | None:
        """Put a whole file in the place of the old one; see `save`."""
        kept: Path | None = None
        try:
            if backup:
                kept = self._keep()
            self._swap(data)
            for log in self.logs.values():
                os.truncate(log, 0)
        except OSError as error:
            msg = f"{self.path} can't be written: {error.strerror}."
            raise RegfError(msg) from error
        return kept

    def _keep(self) -> Path:
        kept = self.path.with_name(f"{self.path.name}.bak")
        shutil.copy2(self.path, kept)
        for kind, log in self.logs.items():
            shutil.copy2(log, self.path.with_name(f"{kept.name}.{kind}"))
        return kept

    def _swap(self, data: bytes | bytearray) -> None:
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                shutil.copystat(self.path, name)
                _keep_owner(self.path, descriptor)
                os.fsync(descriptor)
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _keep_owner(path: Path, descriptor: int) -> None:
    status = path.stat()
    if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        except PermissionError:
            # An ordinary user may write a file that belongs to another one; it becomes theirs.
            return


def _logs(path: Path) -> Iterator[tuple[str, Path]]:
    wanted = {f"{path.name}.{kind}".upper(): kind for kind in _KINDS}
    for entry in sorted(path.parent.iterdir()):
        kind = wanted.get(entry.name.upper())
        if kind is not None and entry.is_file():
            yield kind, entry


def _read(path: Path) -> bytearray:
    """Read a file into memory that may be edited, without a second copy."""
    with open_regular(path) as file:
        data = bytearray(os.fstat(file.fileno()).st_size)
        view, done = memoryview(data), 0
        while done < len(data) and (count := file.readinto(view[done:])):
            done += count
    view.release()
    del data[done:]
    return data
