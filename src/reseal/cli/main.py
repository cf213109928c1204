"""The `reseal` command."""

from __future__ import annotations

from typing import Annotated

import typer

from reseal import __version__
from reseal.cli import bcd, console, reg, unattend
from reseal.cli.boot import boot
from reseal.cli.check import check
from reseal.cli.generalize import generalize
from reseal.cli.inspect import inspect
from reseal.cli.providers import providers
from reseal.cli.resume import resume
from reseal.cli.sid import sid
from reseal.cli.sysprep import sysprep
from reseal.cli.verify import verify

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    # A traceback with local variables could show what an image holds.
    pretty_exceptions_enable=False,
    help="Sysprep for powered-off Windows images.",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"reseal {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    del version


for command in (inspect, check, generalize, verify, boot, sysprep, sid, providers, resume):
    app.command()(command)
app.add_typer(bcd.app, name="bcd")
app.add_typer(reg.app, name="reg")
app.add_typer(unattend.app, name="unattend")


def main() -> None:
    """Run the command line."""
    with console.errors(as_json=False):
        app()
