"""`reseal doctor`: show what is installed, and what is missing for which command."""

from __future__ import annotations

import click

from reseal.cli.help import Command
from reseal.cli.run import Run, shares


@click.command(cls=Command)
@shares("as_json")
def doctor(run: Run) -> None:
    """List the engines and packages that reseal needs, their versions, and what is missing.

    Exit code 5 if something is missing.
    """
    from reseal.errors import EngineError  # noqa: PLC0415  --help needs no engines
    from reseal.report import doctor as report  # noqa: PLC0415

    record = report.examine()
    run.show(record, report.text(record))
    if record["missing"]:
        raise SystemExit(EngineError.exit_code)
