"""The declaration of a step.

A step is declared once: its name, arguments and help. The options of the command line, the keys of a
recipe and the documentation are generated from the declaration, so they can't drift.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from reseal.customize import guest
from reseal.declaration import Declaration, declares
from reseal.errors import ResealError, UsageError, os_errors
from reseal.hostfile import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from reseal.customize.shared import Run
    from reseal.mark import Mark


class Kind(Enum):
    """The form of an argument."""

    TEXT = "text"
    GUEST = "a path in the image"
    HOST = "a path of this machine"
    NAME = "a name without a colon"


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a step.

    Attributes:
        name: its key in a recipe; in capitals, its name in the help.
        help: a description in a few words.
        kind: its form, which also decides how a word is split into arguments.
        choices: the allowed values; empty if any value is allowed.
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
    """The heading under which a step is shown; headings appear in this order."""

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
    """One change that can be made to an image.

    Its id is the option's name without hyphens in front, and the key in a recipe. Its work is a function of
    a `Run` and the arguments. If input on this machine has to be checked before the image is opened, the
    work is a `Stager` class instead, constructed from the arguments.

    Attributes:
        group: the heading under which it is shown.
        arguments: its arguments; none for a step that is only switched on.
        words: whether the command line takes the arguments as separate words, instead of one word with
            colons.
        example: the arguments of an example, as on the command line.
    """

    group: Group
    arguments: tuple[Argument, ...]
    words: bool
    example: tuple[str, ...]

    def prepare(self, given: Given) -> Stager:
        """Check the input on this machine that the step needs.

        Raises:
            ResealError: a file is missing, or an argument is wrong.
        """
        work = self.run
        stager: Stager = work(given) if isinstance(work, type) else _Plain(work, given)
        return stager

    @property
    def metavar(self) -> str:
        """The arguments on the command line, such as `HOST:GUEST`."""
        return (" " if self.words else ":").join(one.name.upper() for one in self.arguments)

    def parse(self, words: tuple[str, ...], where: str, folder: Path) -> Given:
        """Parse the words after the option, or the arguments one by one.

        Args:
            words: the words; a single one is split at colons where the step takes it so.
            where: the place in errors: the option, or a line of a recipe.
            folder: the folder that relative paths of this machine start from.

        Raises:
            UsageError: they don't have the step's form.
        """
        texts = words
        if not self.words and len(words) == 1 < len(self.arguments):
            texts = _split(words[0], self.arguments) or ()
        names = [one.name for one in self.arguments]
        if len(texts) != len(names):
            msg = f"{where}: the arguments must have the form {self.metavar}."
            raise UsageError(msg, f"For example: --{self.id} {' '.join(self.example)}")
        return self.given(dict(zip(names, texts, strict=True)), where, folder)

    def given(self, values: Mapping[str, str], where: str, folder: Path) -> Given:
        """Check the arguments, given by name.

        Args:
            values: the arguments by name.
            where: the place to name in messages.
            folder: the folder that relative paths of this machine start from.

        Raises:
            UsageError: an argument has a value that is not allowed.
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
        folder: the folder that relative paths of this machine start from.
        values: the arguments by name.
    """

    step: Step
    where: str
    folder: Path
    values: dict[str, str] = field(repr=False)

    def text(self, name: str) -> str:
        """Return an argument as it was given."""
        return self.values[name]

    def choice(self, name: str) -> str:
        """Return an argument that is one of several words."""
        return self.values[name].casefold()

    def host(self, name: str) -> Path:
        """Return a path of this machine."""
        return self.folder / self.values[name]

    def host_bytes(self, name: str, limit: int) -> bytes:
        """Return the content of a file of this machine.

        Raises:
            UsageError: it can't be read, or is larger than `limit` bytes.
        """
        path = self.host(name)
        hint = "Name a readable file."
        with os_errors(f"{path} can't be read", hint=hint), open_regular(path) as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            msg = f"{path} is larger than {limit >> 10} KiB."
            raise UsageError(msg, "It is probably not the intended file.")
        return data

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Make errors name the place where the step was given."""
        try:
            yield
        except ResealError as error:
            if not error.message.startswith(self.where):
                error.args = (f"{self.where}: {error.message}", *error.args[1:])
            raise


@dataclass(frozen=True, slots=True)
class _Plain:
    """A step that needs no input on this machine."""

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
    """Declare a step. The docstring below is its documentation; its first line is the help.

    Args:
        identifier: the option's name without hyphens in front, and the key in a recipe.
        group: the heading under which it is shown.
        arguments: its arguments, in the order of the command line.
        mark: how well the required change is known.
        source: the source of that knowledge.
        example: the arguments of an example, as on the command line.
        words: whether the command line takes the arguments as separate words.
        work: `package.module:name` of the function or `Stager` class, imported when the step runs.
    """
    return declares(
        Step, work=work, id=identifier, mark=mark, source=source, order=list(Group).index(group),
        group=group, arguments=arguments, words=words, example=example,
    )  # fmt: skip


#: A path in the image: its only colon is that of the drive letter.
_GUEST = r"(?:[A-Za-z]:)?[\\/][^:]*"
_DRIVE_GUEST = r"[A-Za-z]:[\\/][^:]*"


def _split(word: str, arguments: tuple[Argument, ...]) -> tuple[str, ...] | None:
    """Split a word at the colons that separate arguments; paths may contain colons themselves."""
    first, *rest = arguments
    if first.kind is Kind.GUEST:
        match = re.fullmatch(rf"({_GUEST}):(.*)", word, re.DOTALL)
    elif rest[0].kind is Kind.GUEST:
        # Try a path with a drive letter first; its rest would pass for a path without one.
        match = re.fullmatch(rf"(.+):({_DRIVE_GUEST})", word, re.DOTALL)
        match = match or re.fullmatch(r"(.+):([\\/][^:]*)", word, re.DOTALL)
    else:
        match = re.fullmatch(r"([^:]+):(.*)", word, re.DOTALL)
    return match.groups() if match else None
