"""Commands, arguments and options of the command line, and their help."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import takewhile
from typing import Any, TypeVar

import click

from reseal.cli import debug, interrupted
from reseal.errors import ResealError, UsageError

_Declared = TypeVar("_Declared", bound="Callable[..., Any] | click.Command")


class Argument(click.Argument):
    """An argument with a help text, which click supports from 8.5 on."""

    def __init__(self, *declarations: Any, **attributes: Any) -> None:
        text = attributes.pop("help")
        super().__init__(*declarations, **attributes)
        self.help = text

    def make_metavar(self, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        """Return the name: in brackets if it is optional, with dots if it repeats.

        click does this only without a metavar; before 8.2 it passes no context.
        """
        name = self.human_readable_name
        return f"{name if self.required else f'[{name}]'}{'' if self.nargs == 1 else '...'}"


def argument(name: str, **attributes: Any) -> Callable[[_Declared], _Declared]:
    """Declare an argument; its `help` must be among the attributes."""

    def declare(command: _Declared) -> _Declared:
        # Built at each use: in click 8.1 a decorator forgets its class after the first.
        return click.argument(name, cls=Argument, **attributes)(command)

    return declare


class Option(click.Option):
    """An option with a heading in the help, and with former names.

    Args:
        heading: the heading under which help lists it.
        former: names that scripts may still use; help and completion leave them out.
    """

    def __init__(
        self,
        *declarations: Any,
        heading: str = "Options",
        former: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        super().__init__(*declarations, **more)
        self.heading = heading
        self.former = former

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Make the parser accept the former names, too."""
        shown = self.opts
        self.opts = [*shown, *self.former]
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts = shown


class Force(Option):
    """`--force CHECK`.

    Args:
        was_flag: the check that a bare `--force` overrides, in commands where 0.1 had it as a flag.
    """

    def __init__(self, *declarations: Any, was_flag: str | None = None, **more: Any) -> None:
        super().__init__(*declarations, **more)
        self.was_flag = was_flag

    def completed(self, args: list[str]) -> list[str]:
        """Return the arguments with the name of the check after each bare `--force`."""
        check = self.was_flag
        if check is None:
            return args
        done: list[str] = []
        for word, after in zip(args, [*args[1:], ""], strict=True):
            done += [word, check] if word == "--force" and after != check else [word]
        return done


#: The argument in the place of an image, where a domain is named.
DOMAIN = "(domain)"
_DOMAIN_OPTION = re.compile(r"-d.*|--domain(?:=.*)?", re.DOTALL)


def names_domain(params: Iterable[click.Parameter], args: Iterable[str]) -> bool:
    """Whether a command takes a libvirt domain in place of its image, and gets one."""
    if not {"domain", "connect"} <= {one.name for one in params}:
        return False
    before = takewhile("--".__ne__, args)
    return any(_DOMAIN_OPTION.fullmatch(word) for word in before)


class Command(click.Command):
    """A command with such help. Every command takes --debug."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, --debug and --help last."""
        *own, help_option = super().get_params(ctx)
        return [*own, debug.OPTION, help_option]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line."""
        for one in self.params:
            if isinstance(one, Force):
                args = one.completed(args)
        if names_domain(self.params, args):
            # What the domain's disks take the place of.
            args = [DOMAIN, *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; with --debug, write a log of an error that is not reseal's own."""
        try:
            return super().invoke(ctx)
        except (ResealError, click.ClickException, click.Abort, click.exceptions.Exit):
            raise
        except KeyboardInterrupt:
            interrupted.say(ctx)
            raise
        except Exception as error:
            debug.write_log(error)
            raise

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002  click would cut it there
        """Return the first paragraph of the help."""
        return " ".join(inspect.cleandoc(self.help or "").partition("\n\n")[0].split())

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help; click includes arguments from 8.5 on."""
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
                rows.setdefault(getattr(one, "heading", "Options"), []).append(row)
        for heading, below in rows.items():
            with formatter.section(heading):
                formatter.write_dl(below)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples. Their lines are not wrapped, so that they can be copied."""
        from reseal.cli.examples import EXAMPLES  # noqa: PLC0415  only help shows them

        examples = EXAMPLES.get(ctx.command_path.partition(" ")[2], ())
        if not examples:
            return
        with formatter.section("Examples"):
            for one in examples:
                formatter.write_text(f"{one.says}:")
                with formatter.indentation():
                    formatter.write(f"{'':{formatter.current_indent}}{one.line}\n")


class Group(click.Group):
    """A group with such help, listing its commands in the order of declaration."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return their names."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line; show the help if there is no command.

        click ends with another exit code before 8.2, and writes to standard error since.
        """
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit(UsageError.exit_code)
        return super().parse_args(ctx, args)


class LaterGroup(Group):
    """A group whose commands are in a module that is loaded on first use.

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
