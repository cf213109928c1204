"""`reseal providers`: list the providers of generalize, on by default or not."""

from __future__ import annotations

import click

from reseal.cli.help import Command, argument
from reseal.cli.run import Run, shares


@click.command(cls=Command)
@argument(
    "names", nargs=-1, metavar="NAME", help="Explain this provider; all are listed otherwise."
)
@shares("as_json", "verbose")
def providers(names: tuple[str, ...], run: Run) -> None:
    """List the providers: what each does, and whether it runs by default.

    With NAME or --verbose, also why it matters, what Sysprep does, and the source of each fact.
    """
    from reseal.providers.plugins import every  # noqa: PLC0415  --help needs no engines
    from reseal.providers.selection import named  # noqa: PLC0415
    from reseal.report import providers as report  # noqa: PLC0415

    record = report.providers(named(names) if names else every())
    run.show(record, report.text(record, verbose=run.verbose or bool(names)))
