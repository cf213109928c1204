"""The steps of customizing as options of a command, in the order in which they stand there.

Typer collects the values of each option by itself; steps are done in the order in which they were given,
across all options. So the command line is parsed a second time for the order alone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from reseal.customize import STEPS, Given, Step, load

if TYPE_CHECKING:
    from collections.abc import Iterator

_META = "reseal.steps"
_PREFIX = "step_"
_RECIPE = "recipe"


class StepsCommand(TyperCommand):
    """A command that remembers the order of the options that are steps."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        for one in self.params:
            step = STEPS.get(str(one.name).removeprefix(_PREFIX).replace("_", "-"))
            if step is not None and step.words and str(one.name).startswith(_PREFIX):
                # Typer has no way to say that an option takes several words, several times.
                one.nargs = len(step.arguments)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as usual, then once more for the order."""
        given = list(args)
        rest: list[str] = super().parse_args(ctx, args)
        values, _, order = self.make_parser(ctx).parse_args(args=given)
        # A switch that was given twice has a number and no list.
        left = {name: iter(one) for name, one in values.items() if isinstance(one, list)}
        ctx.meta[_META] = [
            (str(one.name).removeprefix(_PREFIX), next(left[one.name]) if one.name in left else ())
            for one in order
            if str(one.name).startswith(_PREFIX)
        ]
        return rest


def with_steps(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command every step as an option; its parameter `steps` gets a function that reads them.

    They are read when they are asked for, so that what is wrong with one is shown as the command shows
    its errors.
    """

    @functools.wraps(command)
    def run(*positional: Any, ctx: typer.Context | None = None, **arguments: Any) -> None:
        own = {name: one for name, one in arguments.items() if not name.startswith(_PREFIX)}
        # Another command may call this one, without any steps.
        given = ctx.meta.get(_META, []) if ctx else []
        command(*positional, **own, steps=functools.partial(_read, given))

    kept = [
        one
        for one in inspect.signature(command, eval_str=True).parameters.values()
        if one.name != "steps"
    ]
    context = inspect.Parameter(
        "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    taken = {f"{_PREFIX}{one.name}" for one in kept}
    parameters = [context, *kept, *(one for one in _options() if one.name not in taken)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _options() -> Iterator[inspect.Parameter]:
    yield _parameter(
        _RECIPE,
        list[str],
        typer.Option(
            "--recipe",
            metavar="FILE.toml",
            help="Do the steps of a recipe.",
            rich_help_panel="Steps, done in the order given",
        ),
    )
    for one in STEPS.values():
        panel = f"Steps: {one.group.lower()}"
        if not one.arguments:
            option = typer.Option(
                f"--{one.name}", count=True, help=one.title, rich_help_panel=panel
            )
            yield _parameter(one.name, int, option, 0)
            continue
        option = typer.Option(
            f"--{one.name}", metavar=one.metavar, help=one.title, rich_help_panel=panel
        )
        yield _parameter(one.name, list[str], option)


def _parameter(name: str, kind: Any, option: Any, default: Any = None) -> inspect.Parameter:
    wanted: Any = kind if default is not None else kind | None
    return inspect.Parameter(
        _PREFIX + name.replace("-", "_"),
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=default,
        annotation=Annotated[wanted, option],
    )


def _read(given: list[tuple[str, Any]]) -> list[Given]:
    """Return the steps that were given, those of recipes in their places."""
    here = Path()
    found: list[Given] = []
    for name, value in given:
        if name == _RECIPE:
            found += load(Path(value))
            continue
        one = STEPS[name.replace("_", "-")]
        words = value if isinstance(value, tuple) else (value,)
        found.append(one.parse(words, _shown(one, words), here))
    return found


def _shown(one: Step, words: tuple[str, ...]) -> str:
    """Show an option as it was given, cut where it is long."""
    shown = " ".join((f"--{one.name}", *words))
    return f"{shown[:80]}…" if len(shown) > 80 else shown
