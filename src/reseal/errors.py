"""The errors of reseal, rooted in one class.

The message says what is wrong with which image; `hint` says what to do next. The class decides the
exit code of the command line:

| code | class | meaning |
|---|---|---|
| 1 | ResealError | unexpected error |
| 2 | UsageError | wrong usage |
| 3 | CheckError | the image can't be generalized: a check failed |
| 4 | ImageError | the image can't be read or is damaged |
| 5 | EngineError | a required program or library is missing |
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class ResealError(Exception):
    """The base class of all errors that reseal raises.

    Attributes:
        hint: what to do next, a whole sentence, or None.
        exit_code: the exit code of the command line.
        image_changed: whether the image was changed.
    """

    exit_code = 1
    image_changed = False

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def message(self) -> str:
        """What is wrong, a whole sentence."""
        return str(self.args[0])


class UsageError(ResealError, ValueError):
    """Wrong usage: contradicting options, or a name that does not exist."""

    exit_code = 2


class CheckError(ResealError):
    """The image is readable, but something in it forbids the operation."""

    exit_code = 3


class ImageError(ResealError):
    """The image, or something in it, can't be read, is damaged or is in use."""

    exit_code = 4


class NoWindowsError(ImageError):
    """An image has no Windows installation."""


class EngineError(ResealError):
    """A required program or library is not installed or does not work."""

    exit_code = 5


@contextmanager
def os_errors(
    what: str, kind: type[ResealError] = UsageError, hint: str | None = None
) -> Iterator[None]:
    """Raise errors of the operating system as errors of reseal, with its reason.

    Args:
        what: what could not be done to which file, such as `a.xml can't be read`.
        kind: the class of the error.
        hint: what to do next.
    """
    try:
        yield
    except OSError as error:
        # Some errors of reseal are errors of the operating system, too, and say what is wrong already.
        if isinstance(error, ResealError):
            raise
        msg = f"{what}: {error.strerror or error}."
        raise kind(msg, hint) from error


def _on_standard_error(text: str) -> None:
    sys.stderr.write(f"Warning: {text}\n")


_hears: ContextVar[Callable[[str], None]] = ContextVar("hears", default=_on_standard_error)


def warn(text: str) -> None:
    """Tell the person of a problem of this computer that does not stop the run."""
    _hears.get()(text)


@contextmanager
def warnings_to(hear: Callable[[str], None]) -> Iterator[None]:
    """Pass the warnings of a block to a function, rather than to standard error."""
    token = _hears.set(hear)
    try:
        yield
    finally:
        _hears.reset(token)
