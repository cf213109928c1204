"""What an image lies in: a disk, a folder, a WIM, or a file that is a boot store.

A medium has two sides. The parent process holds a `Medium`: the lock, the overlay, the commit. The
worker gets an `Opened`: the engines that read and write what is inside.
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
    """A medium as the worker sees it.

    Attributes:
        subject: what messages call it.
    """

    subject: str

    @property
    def traffic(self) -> dict[str, int] | None:
        """Bytes that went between reseal and the medium so far; None where they are not counted."""
        ...

    def installations(self, *, ignore_logs: bool = False) -> AbstractContextManager[list[Found]]:
        """Open the installations that are on it, to be read only.

        Raises:
            ImageError: there is none.
        """
        ...

    def write(
        self, session: Session, place: VolumeRange | None, options: RunOptions
    ) -> dict[str, Any]:
        """Write what a session has staged; return what that adds to the record, such as `written`."""
        ...

    def read_back(
        self, session: Session, place: VolumeRange | None, look: Callable[[Tree], None]
    ) -> None:
        """Look at the volume that was written, and at all else that was, with fresh eyes."""
        ...

    def flush(self) -> None:
        """Let what was written stand."""
        ...


#: What a worker does with an opened medium. Where it writes, its result has `written` and `timings`.
Work: TypeAlias = "Callable[[Any, Report], dict[str, Any]]"


class Medium(Protocol):
    """A medium as the parent sees it. A context: what is not finished when it ends is thrown away."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    @property
    def facts(self) -> dict[str, Any]:
        """What the record calls the image: path, format and size in bytes."""
        ...

    def in_worker(self, work: Work, report: Report | None) -> dict[str, Any]:
        """Run work in a worker and return its result."""
        ...

    def finish(self, result: dict[str, Any], report: Report) -> None:
        """Let what the worker did last, and add to the record what that took."""
        ...


class Held:
    """A context that gives back what it holds, when it ends and when it can't begin."""

    def _hold(self, stack: ExitStack) -> None:
        """Enter into the stack whatever has to be given back."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._hold(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]


#: The message with the record of a run whose image is about to change.
FINISHING = "finishing"


def carry_out(path: Path, medium: Medium, work: Work, report: Report | None) -> dict[str, Any]:
    """Run work on a medium, and let what it did last; return the record, with `image`."""
    tell = report or (lambda _: None)
    with host_errors(path), medium:
        result = medium.in_worker(work, tell)
        # Whoever keeps the record writes it now, while the image is still as it was.
        tell({FINISHING: {"image": medium.facts, **result}})
        medium.finish(result, tell)
        return {"image": medium.facts, **result}


@contextmanager
def host_errors(path: Path) -> Iterator[None]:
    """Let what the host refuses, such as room for temporary files, be an error of reseal's."""
    try:
        yield
    except OSError as error:
        if isinstance(error, ResealError):
            raise
        what = f" ({error.filename})" if error.filename else ""
        raise ImageError(f"{path} was not changed: {error.strerror or error}{what}.") from error
