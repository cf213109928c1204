"""Ctrl-C and the signals that work like it, kept away from moments in which they would leave files behind.

A signal handler of Python may raise an exception between any two instructions, such as between the creation
of a file and the line that notes its name. The command line has its signals go through `interrupt`, which
waits while an `uninterrupted` block runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_depth = 0
_waiting = False
_holding = False


def interrupt() -> None:
    """Raise KeyboardInterrupt: now, or at the end of the outermost `uninterrupted` block.

    It returns where the interruption has to wait.
    """
    global _waiting  # noqa: PLW0603  of the process, as its signals are
    if not _depth:
        raise KeyboardInterrupt
    _waiting = True


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let no signal interrupt a block, which must be short. An interruption follows at its end."""
    global _depth, _waiting  # noqa: PLW0603
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if _waiting and not _depth:
            _waiting = False
            raise KeyboardInterrupt


def hold() -> None:
    """Let nothing interrupt the rest of the `settled` block: the image is about to be changed for good."""
    global _depth, _holding  # noqa: PLW0603
    _depth += 1
    _holding = True


def holding() -> bool:
    """Whether the image is being changed for good, so that an interruption waits."""
    return _holding


@contextmanager
def settled() -> Iterator[None]:
    """Run a block in which `hold` may be called. An interruption that waits follows at its end."""
    global _depth, _waiting  # noqa: PLW0603
    before = _depth
    try:
        yield
    finally:
        _depth = before
        if _waiting and not _depth:
            _waiting = False
            raise KeyboardInterrupt


@contextmanager
def temporary_folder(prefix: str = "reseal-", above: Path | str | None = None) -> Iterator[Path]:
    """Create a folder that only this user can enter, and delete it at the end.

    Args:
        prefix: the start of its name.
        above: the folder that holds it; None for the one for temporary files.
    """
    import shutil  # noqa: PLC0415  they take long to load
    import tempfile  # noqa: PLC0415

    made = None
    try:
        with uninterrupted():
            made = Path(tempfile.mkdtemp(prefix=prefix, dir=above))
        yield made
    finally:
        if made:
            with uninterrupted():
                shutil.rmtree(made, ignore_errors=True)
