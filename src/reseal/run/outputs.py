"""Write a run's output files on this computer before the image changes.

Each file is written and flushed to a draft in its target folder while the image is unchanged, and renamed
when the image is done. If a file can't be written, the run stops before it changes anything; an error
afterwards does not lose a file.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reseal.disk.attributes import require_one_name
from reseal.disk.chain import open_chain
from reseal.disk.sidecar import golden_path, journal_path, lock_path, overlay_path, sync_folder
from reseal.errors import ResealError, UsageError
from reseal.hostfile import keep_attributes
from reseal.interruption import uninterrupted

Render = Callable[[Mapping[str, Any]], "str | None"]


@dataclass
class _Output:
    """An output file.

    Attributes:
        shown: its path on the command line.
        target: this path with symbolic links resolved.
        draft: its temporary file in the same folder, until it is published.
        render: returns its content.
        private: whether it gets mode 0600, even if it replaces a file.
        staged: whether the draft was written.
    """

    shown: Path
    target: Path
    draft: Path
    render: Render
    private: bool
    staged: bool = False


class Outputs:
    """The output files of a run on this computer."""

    def __init__(self) -> None:
        self._outputs: list[_Output] = []

    def add(
        self,
        path: Path,
        render: Render,
        *,
        inputs: Iterable[Path] = (),
        private: bool = False,
    ) -> None:
        """Add a file, and create its draft.

        Args:
            path: path of the file; an existing one is replaced at the end.
            render: returns its content from the record of the run.
            inputs: files that the run reads or writes; an output must not be one of them.
            private: whether only its owner may read it, even if it replaces a file.

        Raises:
            UsageError: the file can't be written, or is an input or another output.
        """
        target = _resolved(path)
        _refuse_collision(path, target, inputs, (one.target for one in self._outputs))
        try:
            if os.path.lexists(target) and not stat.S_ISREG(target.stat().st_mode):
                msg = f"{path} can't be written: it is not a regular file."
                raise UsageError(msg, "Choose a file in a folder that you may write to.")
            require_one_name(target, path)
            with uninterrupted():
                draft = _draft(target)
                self._outputs.append(_Output(path, target, draft, render, private))
        except OSError as error:
            if isinstance(error, ResealError):
                raise
            msg = f"{path} can't be written: {error.strerror}."
            raise UsageError(msg, "Choose a file in a folder that you may write to.") from error

    def stage(self, record: Mapping[str, Any]) -> None:
        """Write all drafts to stable storage.

        Raises:
            UsageError: a draft can't be written. Nothing was changed yet.
        """
        for one in self._outputs:
            try:
                one.staged = _write(one.draft, one.render(record))
            except OSError as error:
                msg = f"{one.shown} can't be written ({error.strerror}). The image was not changed."
                raise UsageError(msg, "Free some space, or name another file.") from error

    def publish(self, record: Mapping[str, Any] | None = None) -> list[str]:
        """Rename all drafts to their targets.

        Args:
            record: the complete record; None keeps the staged content.

        Returns:
            The published files, with their paths on the command line.

        Raises:
            UsageError: a draft can't be renamed; the message has its path. The others are published.
        """
        done, failure = [], None
        for one in self._outputs:
            try:
                if record is not None:
                    self._renew(one, record)
                if one.staged:
                    self._place(one)
                    done.append(str(one.shown))
            except OSError as error:
                where = f" The content is in {one.draft}." if one.staged else ""
                msg = f"The image is done, but {one.shown} can't be written ({error.strerror}).{where}"
                failure = failure or UsageError(
                    msg, "Move it yourself, or look with reseal inspect."
                )
        self._outputs = [one for one in self._outputs if not one.staged]
        self.discard()
        if failure:
            raise failure
        return done

    @staticmethod
    def _renew(one: _Output, record: Mapping[str, Any]) -> None:
        """Write the complete record; keep the staged content if there is not enough space."""
        with uninterrupted():
            draft = _draft(one.target)
            try:
                one.staged = _write(draft, one.render(record))
                draft.replace(one.draft)
            except OSError:
                with suppress(OSError):
                    draft.unlink()
                if not one.staged:
                    raise

    @staticmethod
    def _place(one: _Output) -> None:
        with one.draft.open("rb") as file:
            if not one.private:
                keep_attributes(one.target, file.fileno())
        one.draft.replace(one.target)
        sync_folder(one.target.parent)

    def discard(self) -> None:
        """Delete unpublished drafts."""
        with uninterrupted():
            for one in self._outputs:
                with suppress(OSError):
                    one.draft.unlink(missing_ok=True)
            self._outputs.clear()


def _draft(target: Path) -> Path:
    """Create an empty file in the folder of a target."""
    number, name = tempfile.mkstemp(prefix=f".{target.name[:200]}.reseal-", dir=target.parent)
    os.close(number)
    return Path(name)


def _write(path: Path, text: str | None) -> bool:
    """Write a file to stable storage; return whether it has content."""
    if text is None:
        return False
    with path.open("w", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return True


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        msg = f"{path} can't be written: {error}."
        raise UsageError(msg, "Choose a file in a folder that you may write to.") from error


def _refuse_collision(
    path: Path, target: Path, inputs: Iterable[Path], outputs: Iterable[Path]
) -> None:
    """Refuse an output that is an image, a file that an image needs, or another output."""
    own = _identity(target)
    for other in (*_all_of(inputs), *outputs):
        if target == other or (own is not None and own == _identity(other)):
            msg = f"{path} can't be written: the run needs {other} itself. Nothing was changed."
            raise UsageError(msg, "Name another file.")


def _all_of(inputs: Iterable[Path]) -> list[Path]:
    """Return the inputs with their backing files and reseal's own files in the same folders."""
    found = []
    for one in map(_resolved, inputs):
        files = [one]
        if one.is_file():
            with suppress(ResealError, OSError):  # the run will report it
                files += open_chain(one, allow_backing=True, whole=False).all_files()
        for file in files:
            found += [
                file,
                journal_path(file),
                overlay_path(file),
                golden_path(file),
                lock_path(file),
            ]
    return found


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
