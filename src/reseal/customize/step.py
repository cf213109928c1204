"""How a step declares itself.

A step is declared once: its name, arguments and help. The options of the command line, the keys of a
recipe and the documentation are made of that, so they can't drift.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from reseal.customize import guest
from reseal.declaration import Declaration, declares
from reseal.errors import ResealError, UsageError
from reseal.hostfile import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from reseal.customize.shared import Run
    from reseal.mark import Mark


class Kind(Enum):
    """What an argument is."""

    TEXT = "text"
    GUEST = "a path in the image"
    HOST = "a path of this machine"
    NAME = "a name without a colon"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a step.

    Attributes:
        name: its key in a recipe; in capitals, what the help calls it.
        help: what it is, in a few words.
        kind: how it is told from the others, and which form it has.
        choices: all that it may be; empty where it is free.
    """

    name: str
    help: str
    kind: Kind = Kind.TEXT
    choices: tuple[str, ...] = ()


class Stager(Protocol):
    """A step with its arguments, ready to be staged."""

    def stage(self, run: Run) -> None:
        """Stage the changes in `run.session`."""
        ...


class Group(StrEnum):
    """Under which heading a step is shown, in this order."""

    FILES = "Files"
    REGISTRY = "Registry"
    FIRST_BOOT = "First boot"
    ACCOUNTS = "Accounts"
    SYSTEM = "System"
    APPEARANCE = "Appearance"
    DRIVERS = "Drivers"
    SPACE = "Space"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Declaration):
    """One thing that can be done to an image.

    Its id is the option without its hyphens, and the key in a recipe. Its work is a function of a `Run`
    and the arguments. Where this machine has to be looked at before the image is opened it is a class
    of a `Stager` instead, made of the arguments.

    Attributes:
        group: under which heading it is shown.
        arguments: none for a step that is only switched on.
        words: whether the command line takes the arguments as words of their own, rather than as
            one word with colons.
        example: the arguments of an example, as the command line takes them.
    """

    group: Group
    arguments: tuple[Argument, ...]
    words: bool
    example: tuple[str, ...]

    def prepare(self, given: Given) -> Stager:
        """Look at everything on this machine that the step will need.

        Raises:
            ResealError: a file is missing, or an argument is wrong.
        """
        work = self.run
        stager: Stager = work(given) if isinstance(work, type) else _Plain(work, given)
        return stager

    @property
    def metavar(self) -> str:
        """What the command line takes, such as `HOST:GUEST`."""
        return (" " if self.words else ":").join(one.name.upper() for one in self.arguments)

    def parse(self, words: tuple[str, ...], where: str, folder: Path) -> Given:
        """Take what the command line has behind the option, or the arguments one by one.

        Raises:
            UsageError: it is not of the step's form.
        """
        texts = words
        if not self.words and len(words) == 1 < len(self.arguments):
            texts = _split(words[0], self.arguments) or ()
        names = [one.name for one in self.arguments]
        if len(texts) != len(names):
            msg = f"{where}: this is not of the form {self.metavar}."
            raise UsageError(msg, f"For example: --{self.id} {' '.join(self.example)}")
        return self.given(dict(zip(names, texts, strict=True)), where, folder)

    def given(self, values: Mapping[str, str], where: str, folder: Path) -> Given:
        """Take the arguments by name.

        Raises:
            UsageError: one has a value that it can't have.
        """
        for one in self.arguments:
            if one.choices and values[one.name].casefold() not in one.choices:
                msg = f"{where}: {values[one.name]!r} is not one of {', '.join(one.choices)}."
                raise UsageError(msg, f"For example: --{self.id} {' '.join(self.example)}")
        found = Given(self, where, folder, dict(values))
        for one in self.arguments:
            if one.kind is Kind.GUEST:
                with found.blamed():
                    guest.parts(values[one.name])
        return found


@dataclass(frozen=True, slots=True)
class Given:
    """The arguments of a step, and where they were given.

    Attributes:
        step: the step.
        where: the option or the place in the recipe, for messages.
        folder: what relative paths of this machine start from.
        values: the arguments by name.
    """

    step: Step
    where: str
    folder: Path
    values: dict[str, str] = field(repr=False)

    def text(self, name: str) -> str:
        """An argument as it was given."""
        return self.values[name]

    def choice(self, name: str) -> str:
        """An argument that has to be one of several words."""
        return self.values[name].casefold()

    def host(self, name: str) -> Path:
        """A path of this machine."""
        return self.folder / self.values[name]

    def host_bytes(self, name: str, limit: int) -> bytes:
        """The content of a file of this machine.

        Raises:
            UsageError: there is none that can be read, or it is larger than `limit` bytes.
        """
        path = self.host(name)
        try:
            with open_regular(path) as file:
                data = file.read(limit + 1)
        except OSError as error:
            msg = f"{path} can't be read: {error.strerror}."
            raise UsageError(msg, "Name a file that you may read.") from error
        if len(data) > limit:
            msg = f"{path} is larger than {limit >> 10} KiB."
            raise UsageError(msg, "It is probably not the file that you meant.")
        return data

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Let an error say where the step was given."""
        try:
            yield
        except ResealError as error:
            if not error.message.startswith(self.where):
                error.args = (f"{self.where}: {error.message}", *error.args[1:])
            raise


@dataclass(frozen=True, slots=True)
class _Plain:
    """A step that needs nothing of this machine."""

    work: Callable[[Run, Given], None]
    given: Given

    def stage(self, run: Run) -> None:
        """Stage the changes."""
        self.work(run, self.given)


def step(
    identifier: str,
    group: Group,
    *arguments: Argument,
    mark: Mark,
    source: str,
    example: tuple[str, ...] = (),
    words: bool = False,
    work: str,
) -> Callable[[Callable[..., Any]], Step]:
    """Declare a step. The docstring below is its documentation, and its first line says what it does."""
    return declares(
        Step, work=work, id=identifier, mark=mark, source=source, order=list(Group).index(group),
        group=group, arguments=arguments, words=words, example=example,
    )  # fmt: skip


#: A path in the image: it has no colon but that of the drive letter.
_GUEST = r"(?:[A-Za-z]:)?[\\/][^:]*"
_DRIVE_GUEST = r"[A-Za-z]:[\\/][^:]*"


def _split(word: str, arguments: tuple[Argument, ...]) -> tuple[str, ...] | None:
    """Split a word at its colons, of which paths may have some of their own."""
    first, *rest = arguments
    if first.kind is Kind.GUEST:
        match = re.fullmatch(rf"({_GUEST}):(.*)", word, re.DOTALL)
    elif rest[0].kind is Kind.GUEST:
        # A path with a drive letter first: the rest of it would pass for one without.
        match = re.fullmatch(rf"(.+):({_DRIVE_GUEST})", word, re.DOTALL)
        match = match or re.fullmatch(r"(.+):([\\/][^:]*)", word, re.DOTALL)
    else:
        match = re.fullmatch(r"([^:]+):(.*)", word, re.DOTALL)
    return match.groups() if match else None
