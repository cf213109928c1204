"""A folder as a medium: before-images restore it if the work fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from reseal import folder
from reseal.disk import VolumeRange
from reseal.errors import NoWindowsError, UsageError
from reseal.interruption import hold
from reseal.run.medium import Work
from reseal.run.opening import OpenedTree
from reseal.run.options import RunOptions
from reseal.sandbox import Limits
from reseal.session import Session
from reseal.tree import Tree
from reseal.worker import Report, in_worker


class OpenedFolder(OpenedTree):
    """A folder in the worker."""

    def __init__(self, tree: folder.Folder, subject: str) -> None:
        nothing = NoWindowsError(
            f"The folder {subject} has no Windows installation. Nothing was changed.",
            r"Choose the folder that has Windows\System32\config in it.",
        )
        super().__init__(tree, subject, nothing, volume=0)
        self._folder = tree

    def write(
        self, session: Session, place: VolumeRange | None, options: RunOptions
    ) -> dict[str, Any]:
        """See `Opened.write`."""
        del place, options
        with session.step("Writing"):
            return {"written": asdict(session.commit(self._folder))}

    def read_back(
        self, session: Session, place: VolumeRange | None, look: Callable[[Tree], None]
    ) -> None:
        """See `Opened.read_back`. The folder stays open, so this does not open it again."""
        del session, place
        look(self._folder)

    def flush(self) -> None:
        """Leave the changes to the parent, which commits them; otherwise closing undoes them."""
        self._folder.hand_over()


class Folder:
    """A folder, as `reseal.run.medium.Medium`."""

    def __init__(self, path: Path, options: RunOptions) -> None:
        self._path = path
        self._journal = folder.journal_of(path.resolve())
        self._options = options

    def __enter__(self) -> Self:
        one = self._options
        if one.output or one.thin or one.chkdsk_at_boot or one.shrink:
            msg = (
                f"{self._path} is a folder; --output, --thin, --shrink and --chkdsk-at-boot are for "
                "disk images."
            )
            raise UsageError(msg, "Copy the folder first, or change it in place.")
        self._lock = folder.lock(self._path.resolve(), shared=one.dry_run)
        try:
            # Refuse a folder with an interrupted run, because this run could undo that one.
            folder.Folder(self._path, read_only=True, locked=True).close()
            if not one.dry_run:
                folder.make_place(self._journal)
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            # The before-images restore the folder, however the worker ended. Nothing undoes a commit.
            undo = any(error) and not self._options.dry_run
            if undo and not folder.is_committed(self._journal):
                folder.Folder.recover(self._path, locked=True)
            folder.clear_place(self._journal)  # also that of a run that was killed at its beginning
        finally:
            self._lock.close()

    @property
    def facts(self) -> dict[str, Any]:
        """Path and format; a folder has no size."""
        return {"path": str(self._path), "format": "folder", "size": None}

    def in_worker(self, work: Work, report: Report | None) -> dict[str, Any]:
        """Run work in a worker that gets an `OpenedFolder`."""
        options = self._options
        # Only the folder and its journal, not their parent.
        own = () if options.dry_run else (self._path.resolve(), self._journal)
        limits = Limits(
            reads=(self._path, *options.reads),
            writes=(*own, *options.writes),
            keeps=options.keeps,
            sockets=options.sockets,
        )

        def run(report: Report) -> dict[str, Any]:
            with folder.Folder(self._path, read_only=options.dry_run, locked=True) as opened:
                return work(OpenedFolder(opened, str(self._path)), report)

        return in_worker(self._path, run, report, limits)

    def finish(self, result: dict[str, Any], report: Report) -> None:
        """Commit what the worker has written."""
        del result, report
        if not self._options.dry_run:
            hold()
            folder.Folder.keep(self._path)
