"""What `--help` shows of a command: its arguments, its options under headings, and its examples."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reseal.cli.examples import EXAMPLES
from reseal.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_Declared = TypeVar("_Declared", bound="Callable[..., Any] | click.Command")


class Argument(click.Argument):
    """An argument with a text that explains it, which click has from 8.5 on."""

    def __init__(self, *declarations: Any, **attributes: Any) -> None:
        text = attributes.pop("help")
        super().__init__(*declarations, **attributes)
        self.help = text

    def make_metavar(self, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        """Return it as it is shown: in brackets where it may be left out, with dots where it repeats.

        click does so only where no other name is given; before 8.2 it passes no context.
        """
        name = self.human_readable_name
        return f"{name if self.required else f'[{name}]'}{'' if self.nargs == 1 else '...'}"


def argument(name: str, **attributes: Any) -> Callable[[_Declared], _Declared]:
    """Declare an argument; its `help` must be among the attributes."""

    def declare(command: _Declared) -> _Declared:
        # Each time anew: that of click 8.1 forgets its class when it has declared once.
        return click.argument(name, cls=Argument, **attributes)(command)

    return declare


class Option(click.Option):
    """An option that help shows under a heading of its own."""

    def __init__(self, *declarations: Any, heading: str, **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self.heading = heading


class Command(click.Command):
    """A command whose help has all this."""

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002  click would cut it there
        """Return the first paragraph of the help."""
        return " ".join(inspect.cleandoc(self.help or "").partition("\n\n")[0].split())

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help; click knows arguments as a part of it from 8.5 on."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_arguments(ctx, formatter)
        self.format_options(ctx, formatter)
        self.format_epilog(ctx, formatter)

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the arguments."""
        rows = [
            (one.make_metavar(ctx), one.help or "")
            for one in self.params
            if isinstance(one, Argument)
        ]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each under its heading."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for one in self.get_params(ctx):
            if isinstance(one, click.Option) and (row := one.get_help_record(ctx)):
                heading = one.heading if isinstance(one, Option) else "Options"
                rows.setdefault(heading, []).append(row)
        for heading, below in rows.items():
            with formatter.section(heading):
                formatter.write_dl(below)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples. Their lines are not wrapped, so that they can be copied."""
        examples = EXAMPLES.get(ctx.command_path.partition(" ")[2], ())
        if not examples:
            return
        with formatter.section("Examples"):
            for one in examples:
                formatter.write_text(f"{one.says}:")
                with formatter.indentation():
                    formatter.write(f"{'':{formatter.current_indent}}{one.line}\n")


class Group(click.Group):
    """Commands with such help, listed in the order in which they are declared."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return their names."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line; without a command show the help.

        click does so with another exit code before 8.2, and on standard error from then on.
        """
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit(UsageError.exit_code)
        return super().parse_args(ctx, args)


class LaterGroup(Group):
    """A group whose commands are in a module that is loaded when one of them is asked for.

    Args:
        module: its name; it adds its commands to the group.
    """

    def __init__(self, *arguments: Any, module: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self._module = module

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        import_module(self._module)
        return super().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        import_module(self._module)
        return super().get_command(ctx, cmd_name)
