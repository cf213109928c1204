"""`reseal doctor`: show what is installed, and which commands lack something."""

from __future__ import annotations

from pathlib import Path

import click

from reseal.cli.help import Command, argument
from reseal.cli.options import PATH
from reseal.cli.run import Run, shares


@click.command(cls=Command)
@argument("image", type=PATH, required=False, help="Also show how this disk image is locked.")
@shares("as_json")
def doctor(image: Path | None, run: Run) -> None:
    """List the engines and packages that reseal needs, their versions, and what is missing.

    The sandbox is tested in a worker, since a container may forbid what the kernel offers. Exit code 5 if
    something is missing.
    """
    from reseal.disk.image import resolve  # noqa: PLC0415
    from reseal.errors import EngineError  # noqa: PLC0415  --help needs no engines
    from reseal.report import doctor as report  # noqa: PLC0415

    record = report.examine()
    if image:
        record |= {"image": str(image), "locks": report.locks_of(resolve(image))}
    run.show(record, report.text(record))
    if record["missing"]:
        raise SystemExit(EngineError.exit_code)
