"""`reseal providers`: what a generalize run does, and what it could do."""

from __future__ import annotations

from reseal.cli import console
from reseal.cli.options import AsJson


def providers(as_json: AsJson = False) -> None:
    """List the providers: what each does, how that is known, and whether it runs by default."""
    from reseal.providers.plugins import every  # noqa: PLC0415  --help needs no engines
    from reseal.report import providers as report  # noqa: PLC0415

    with console.errors(as_json=as_json):
        record = report.providers(every())
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(report.text(record))
