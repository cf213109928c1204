"""The commands, each in a module of its name, of which a run loads only the one that it is."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from reseal import __version__
from reseal.cli.examples import epilog

#: In the order of the list that `reseal --help` shows. A module holds a function of the command's
#: name (of the class that `COMMAND` names, where that stands beside it), or `app` where the command has
#: commands of its own.
COMMANDS = (
    "inspect",
    "check",
    "customize",
    "generalize",
    "verify",
    "boot",
    "sysprep",
    "sid",
    "specialize",
    "clone",
    "capture",
    "apply",
    "deploy",
    "providers",
    "resume",
    "doctor",
    "bcd",
    "reg",
    "unattend",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"reseal {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    del version


def application(arguments: list[str] | None = None) -> typer.Typer:
    """Return the command line, with all commands or with the one that the arguments begin with."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=True,
        # A traceback with local variables could show what an image holds.
        pretty_exceptions_enable=False,
        help="Sysprep for powered-off Windows images.",
    )
    app.callback()(_root)
    wanted = [name for name in COMMANDS if [name] == (arguments or [])[:1]] or COMMANDS
    for name in wanted:
        module = import_module(f"reseal.cli.{name}")
        if hasattr(module, "app"):
            for one in module.app.registered_commands:
                own = one.name or one.callback.__name__.replace("_", "-")
                one.epilog = epilog(f"{name} {own}")
            app.add_typer(module.app, name=name)
        else:
            kind = getattr(module, "COMMAND", None)
            app.command(cls=kind, epilog=epilog(name))(getattr(module, name))
    return app


def command(arguments: list[str] | None = None) -> TyperCommand | TyperGroup:
    """Return the same as a command that can be called and described."""
    made = typer.main.get_command(application(arguments))
    assert isinstance(made, TyperCommand | TyperGroup)
    _tidy(made)
    return made


def _tidy(one: object) -> None:
    """Let help show a flag as a flag, not as an option that takes a truth value or a number."""
    if isinstance(one, TyperGroup):
        for below in one.commands.values():
            _tidy(below)
    if isinstance(one, TyperCommand | TyperGroup):
        for option in (*one.params, one.get_help_option(typer.Context(one))):
            if isinstance(option, TyperOption) and (option.is_flag or option.count):
                option.metavar, option.show_default = "", False
