"""Files copied out of an image: written next to their place, and moved there when the image is done."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from reseal.disk.sidecar import sync_folder
from reseal.errors import UsageError, os_errors
from reseal.interruption import uninterrupted
from reseal.tree import Stat

_NAME = "out"
_HIVE = b"regf"


class Outputs:
    """Files and folders that are copied to this machine.

    Attributes:
        dry: whether to write nothing.
    """

    def __init__(self) -> None:
        self.dry = False
        self._folders: dict[Path, Path] = {}

    def add(self, target: Path) -> None:
        """Create a private folder next to a target; the worker writes into it.

        Raises:
            UsageError: the target exists, or its folder can't be written to.
        """
        if os.path.lexists(target) or target in self._folders:
            msg = f"{target} already exists."
            raise UsageError(msg, "Name a path that does not exist yet.")
        with os_errors(f"{target} can't be written", hint="Name a path in a writable folder."):
            with uninterrupted():
                made = tempfile.mkdtemp(prefix=f".{target.name[:200]}.reseal-", dir=target.parent)
                self._folders[target] = Path(made)
            sync_folder(target.parent)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The private folders."""
        return tuple(self._folders.values())

    def write(self, target: Path, inside: tuple[str, ...], data: bytes) -> None:
        """Keep a file.

        Args:
            target: the path that the user named.
            inside: the names below it; empty for the target itself.
            data: the content.
        """
        if self.dry:
            return
        path = self._folders[target].joinpath(_NAME, *inside)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os_errors(f"{target} can't be written", hint="Free some space, or name another path."):
            # A hive may hold passwords.
            mode = 0o600 if data.startswith(_HIVE) else 0o666
            with os.fdopen(os.open(path, flags, mode), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(path.parent)

    def make_directory(self, target: Path, inside: tuple[str, ...]) -> None:
        """Keep a folder; arguments as in `write`."""
        if not self.dry:
            self._folders[target].joinpath(_NAME, *inside).mkdir()

    def publish(self) -> list[str]:
        """Move everything to its place.

        Raises:
            UsageError: a target has been created meanwhile. Its copy stays where it was written; the
                others were moved.
        """
        done, kept = [], []
        for target, folder in self._folders.items():
            made = folder / _NAME
            if os.path.lexists(made):
                try:
                    if os.path.lexists(target):
                        raise FileExistsError
                    made.rename(target)
                    sync_folder(target.parent)
                except OSError:
                    kept.append(f"{target} is in {made}")
                    continue
                done.append(str(target))
            shutil.rmtree(folder, ignore_errors=True)
        self._folders.clear()
        if kept:
            copies = "; ".join(f"the copy for {one}" for one in kept)
            msg = f"The image is done, but a target was created during the run: {copies}."
            raise UsageError(msg, "Move it yourself.")
        return done

    def discard(self) -> None:
        """Delete everything that was not published."""
        with uninterrupted():
            for folder in self._folders.values():
                shutil.rmtree(folder, ignore_errors=True)
            self._folders.clear()


def is_safe(entry: Stat) -> bool:
    """Return whether a name of the image is valid on this machine."""
    return entry.name not in {"", ".", ".."} and not set(entry.name) & {"/", "\0"}
