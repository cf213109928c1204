"""All commands and their parameters, for the man pages and the reference."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reseal.cli.commands import reseal
from reseal.cli.examples import EXAMPLES, Example
from reseal.cli.help import Argument, Option

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument or an option.

    Attributes:
        term: its syntax.
        text: its help.
        panel: the heading of its group; empty for arguments and ungrouped options.
        is_argument: whether it is a positional argument.
    """

    term: str
    text: str
    panel: str
    is_argument: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        name: its name after `reseal`; empty for reseal itself.
        paragraphs: the paragraphs of its help.
        parameters: its parameters, arguments first.
        examples: example calls.
    """

    name: str
    paragraphs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    examples: tuple[Example, ...]

    @property
    def usage(self) -> str:
        """Its syntax in one line."""
        arguments = [one.term for one in self.parameters if one.is_argument]
        return " ".join(filter(None, ["reseal", self.name, "[OPTION]…", *arguments]))


def commands() -> Iterator[Command]:
    """Yield all commands in the order of the help, groups before their commands."""
    yield from _walk(reseal, "")


def _walk(one: click.Command, name: str) -> Iterator[Command]:
    context = click.Context(one, help_option_names=["-h", "--help"])
    text = inspect.cleandoc(one.help or "")
    shown = [each for each in one.get_params(context) if not getattr(each, "hidden", False)]
    parameters = [_parameter(each, context) for each in shown]
    yield Command(
        name,
        tuple(" ".join(part.split()) for part in text.split("\n\n") if part),
        tuple(sorted(parameters, key=lambda each: not each.is_argument)),
        EXAMPLES.get(name, ()),
    )
    if isinstance(one, click.Group):
        for own in one.list_commands(context):
            child = one.get_command(context, own)
            assert child
            yield from _walk(child, f"{name} {own}".strip())


def _parameter(one: click.Parameter, context: click.Context) -> Parameter:
    if isinstance(one, Argument):
        return Parameter(one.make_metavar(context), one.help or "", "", is_argument=True)
    assert isinstance(one, click.Option)
    term, _ = one.get_help_record(context) or ("", "")
    panel = one.heading if isinstance(one, Option) and one.heading != "Options" else ""
    return Parameter(term, one.help or "", panel, is_argument=False)
