"""`reseal doctor`: what is installed, and what is missing for which command."""

from __future__ import annotations

import click

from reseal.cli import console
from reseal.cli.help import Command
from reseal.cli.options import json_option


@click.command(cls=Command)
@json_option
def doctor(as_json: bool) -> None:
    """Say what reseal finds on this machine, in which version, and what is missing for which command.

    Exit code 5 where something is missing that a command needs.
    """
    from reseal.errors import EngineError  # noqa: PLC0415  --help needs no engines
    from reseal.report import doctor as report  # noqa: PLC0415

    with console.errors(as_json=as_json):
        record = report.examine()
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(report.text(record))
        if record["missing"]:
            raise SystemExit(EngineError.exit_code)
