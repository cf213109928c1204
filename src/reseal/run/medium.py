"""Media: a disk, a folder, a WIM, or a boot store file.

A medium has two sides. The parent process holds a `Medium`: lock, overlay, commit. The worker gets an
`Opened`: the engines that read and write the content.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from reseal.errors import ImageError, ResealError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from reseal.disk import VolumeRange
    from reseal.run.opening import Found
    from reseal.run.options import RunOptions
    from reseal.session import Session
    from reseal.tree import Tree
    from reseal.worker import Report


class Opened(Protocol):
    """The worker's side of a medium.

    Attributes:
        subject: name of the medium in messages.
    """

    subject: str

    @property
    def traffic(self) -> dict[str, int] | None:
        """Bytes between reseal and the medium so far; None if they are not counted."""
        ...

    def installations(self, *, ignore_logs: bool = False) -> AbstractContextManager[list[Found]]:
        """Open the installations on the medium, read-only.

        Raises:
            ImageError: the medium has no installation.
        """
        ...

    def write(
        self, session: Session, place: VolumeRange | None, options: RunOptions
    ) -> dict[str, Any]:
        """Write a session's staged changes; return additions to the record, such as `written`.

        Args:
            session: the session.
            place: the volume on the disk; None in a folder.
            options: what to do with the result.
        """
        ...

    def read_back(
        self, session: Session, place: VolumeRange | None, look: Callable[[Tree], None]
    ) -> None:
        """Read back the written volume and boot stores.

        Args:
            session: the session that was written.
            place: the volume on the disk; None in a folder.
            look: called with the tree as written.

        Raises:
            ImageError: the medium does not have what was staged.
        """
        ...

    def flush(self) -> None:
        """Make the writes permanent."""
        ...


#: The work of a worker on an opened medium. If it writes, its result has `written` and `timings`.
Work: TypeAlias = "Callable[[Any, Report], dict[str, Any]]"


class Medium(Protocol):
    """The parent's side of a medium. Changes are discarded if the context ends before `finish`."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    @property
    def facts(self) -> dict[str, Any]:
        """The image in the record: path, format and size in bytes."""
        ...

    def in_worker(self, work: Work, report: Report | None) -> dict[str, Any]:
        """Run work in a worker and return its result."""
        ...

    def finish(self, result: dict[str, Any], report: Report) -> None:
        """Commit the worker's changes, and add the time to the record."""
        ...


class Held:
    """A context that releases its resources when it ends, and when entering it fails."""

    def _hold(self, stack: ExitStack) -> None:
        """Acquire the resources on the stack."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._hold(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]


#: Key of the message with the record of a run, sent before the image changes.
FINISHING = "finishing"


def carry_out(path: Path, medium: Medium, work: Work, report: Report | None) -> dict[str, Any]:
    """Run work on a medium and commit its changes; return the record, with `image`.

    Args:
        path: the image.
        medium: its medium.
        work: the work for the worker.
        report: receives `{"step": …}`, and the record as `{"finishing": …}` before the image changes.

    Raises:
        ResealError: the work was refused or failed; the image is unchanged.
    """
    tell = report or (lambda _: None)
    with host_errors(path), medium:
        result = medium.in_worker(work, tell)
        # The receiver saves the record now, before the image changes.
        tell({FINISHING: {"image": medium.facts, **result}})
        medium.finish(result, tell)
        return {"image": medium.facts, **result}


@contextmanager
def host_errors(path: Path) -> Iterator[None]:
    """Convert OSError, such as no space for temporary files, to ImageError."""
    try:
        yield
    except OSError as error:
        if isinstance(error, ResealError):
            raise
        what = f" ({error.filename})" if error.filename else ""
        raise ImageError(f"{path} was not changed: {error.strerror or error}{what}.") from error
