"""Every command as its own declaration has it: for the man pages and the reference."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from reseal.cli.examples import EXAMPLES, Example
from reseal.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or an option.

    Attributes:
        term: as it is typed, with what it takes.
        text: what it is for.
        panel: the heading of its group, empty for arguments and plain options.
        is_argument: whether it has no name on the command line.
    """

    term: str
    text: str
    panel: str
    is_argument: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        name: as it is typed after `reseal`; empty for reseal itself.
        paragraphs: of its help.
        parameters: arguments first.
        examples: calls of it.
    """

    name: str
    paragraphs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    examples: tuple[Example, ...]

    @property
    def usage(self) -> str:
        """How it is called, in one line."""
        arguments = [one.term for one in self.parameters if one.is_argument]
        return " ".join(filter(None, ["reseal", self.name, "[OPTION]…", *arguments]))


def commands() -> Iterator[Command]:
    """Yield every command in the order of the help; groups come before their commands."""
    yield from _walk(typer.main.get_command(app), "")


def _walk(one: Any, name: str) -> Iterator[Command]:
    text = inspect.cleandoc(one.help or "")
    yield Command(
        name,
        tuple(" ".join(part.split()) for part in text.split("\n\n") if part),
        tuple(sorted(map(_parameter, one.params), key=lambda each: not each.is_argument)),
        EXAMPLES.get(name, ()),
    )
    for own, child in getattr(one, "commands", {}).items():
        yield from _walk(child, f"{name} {own}".strip())


#: What an option takes, where its declaration names it not.
_TAKES = {"Path": "FILE", "int": "NUMBER"}


def _parameter(one: Any) -> Parameter:
    panel = one.rich_help_panel or ""
    if one.param_type_name == "argument":
        shown = one.metavar or (one.name or "").upper()
        return Parameter(shown if one.required else f"[{shown}]", one.help or "", panel, True)
    kind = getattr(one.type_descriptor.annotation, "__name__", "")
    takes = one.metavar or ("" if one.is_flag else _TAKES.get(kind, "TEXT"))
    names = ", ".join([*one.opts, *one.secondary_opts])
    return Parameter(f"{names} {takes}".strip(), one.help or "", panel, False)
