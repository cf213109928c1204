"""The errors that a person can meet, rooted in one class.

Every error says what is wrong with which image; `hint` says what to do next. The class decides the
exit code of the command line:

| code | class | meaning |
|---|---|---|
| 1 | ResealError | unexpected |
| 2 | UsageError | the call is wrong |
| 3 | CheckError | the image can't be generalized: a check failed |
| 4 | ImageError | the image can't be read or is damaged |
| 5 | EngineError | an engine that reseal needs is missing |
"""


class ResealError(Exception):
    """The root of everything that reseal raises on purpose.

    Attributes:
        hint: what the person can do next, a whole sentence, or None.
        exit_code: the exit code of the command line.
        image_changed: whether the image is no longer as it was.
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
    """The call itself is wrong: options that contradict each other, a name that does not exist."""

    exit_code = 2


class CheckError(ResealError):
    """The image is readable, and something in it forbids the operation."""

    exit_code = 3


class ImageError(ResealError):
    """The image, or something in it, can't be read, is damaged or is in use."""

    exit_code = 4


class EngineError(ResealError):
    """A program or library that reseal works with is not installed or does not work."""

    exit_code = 5
