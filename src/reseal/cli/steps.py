"""The steps of customizing as options of a command, in the order given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from reseal.cli.help import Command, Option
from reseal.customize import STEPS
from reseal.customize.step import Kind
from reseal.operations.customize import RECIPE, StepWords

_FILE = click.Path(readable=False)
#: Options whose name differs from the step's: other commands have an option of that name.
OPTION_NAMES = {"timezone": "time-zone"}


def forceable() -> tuple[str, ...]:
    """Return the refusals of steps that --force overrides."""
    from reseal.customize.run import FORCEABLE  # noqa: PLC0415  only completion needs it

    return FORCEABLE


class StepsCommand(Command):
    """A command that takes every step as an option, unless it has an option of that name itself.

    Its function gets them as `steps`, a list of `StepWords` in the order given.
    """

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        own = {one.name for one in self.params}
        self.params += [one for one in _options() if one.name not in own]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line; click's parser knows the order across all options."""
        values, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.params["steps"] = list(_in_order(values, order))
        return super().parse_args(ctx, args)


class _StepOption(Option):
    """A step. The command gets its words as one of `steps`, not by its own name."""

    def __init__(self, name: str, **attributes: Any) -> None:
        shown = OPTION_NAMES.get(name, name)
        former = (f"--{name}",) if shown != name else ()
        super().__init__([f"--{shown}"], expose_value=False, former=former, **attributes)
        self.step = name


def _options() -> Iterator[_StepOption]:
    yield _StepOption(
        RECIPE,
        heading="Steps, run in the order given",
        type=_FILE,
        multiple=True,
        metavar="FILE.toml",
        help="Run the steps of a recipe.",
    )
    for one in STEPS.values():
        heading = f"Steps ({one.group.lower()})"
        if not one.arguments:
            yield _StepOption(one.id, heading=heading, count=True, help=one.title)
            continue
        yield _StepOption(
            one.id,
            heading=heading,
            type=_FILE if one.arguments[0].kind is Kind.HOST else str,
            nargs=len(one.arguments) if one.words else 1,
            multiple=True,
            metavar=one.metavar,
            help=one.title,
        )


def _in_order(values: dict[str, Any], order: list[click.Parameter]) -> Iterator[StepWords]:
    """Yield the words of each step that a parser met."""
    left = {name: iter(given) for name, given in values.items() if isinstance(given, list)}
    for one in order:
        if not isinstance(one, _StepOption):
            continue
        if one.count:
            yield (one.step,)
            continue
        words = next(left[str(one.name)])
        yield (one.step, *words) if isinstance(words, tuple) else (one.step, words)
