"""`reseal providers`: what a generalize run does, and what it could do."""

from __future__ import annotations

import click

from reseal.cli import console
from reseal.cli.help import Command
from reseal.cli.options import json_option


@click.command(cls=Command)
@json_option
def providers(as_json: bool) -> None:
    """List the providers: what each does, how that is known, and whether it runs by default."""
    from reseal.providers.plugins import every  # noqa: PLC0415  --help needs no engines
    from reseal.report import providers as report  # noqa: PLC0415

    with console.errors(as_json=as_json):
        record = report.providers(every())
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(report.text(record))
