"""`reseal providers`: list the providers of generalize, on by default or not."""

from __future__ import annotations

import click

from reseal.cli.help import Command
from reseal.cli.run import Run, shares


@click.command(cls=Command)
@shares("as_json")
def providers(run: Run) -> None:
    """List the providers: what each does, how that is known, and whether it runs by default."""
    from reseal.providers.plugins import every  # noqa: PLC0415  --help needs no engines
    from reseal.report import providers as report  # noqa: PLC0415

    record = report.providers(every())
    run.show(record, report.text(record))
