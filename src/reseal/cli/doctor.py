"""`reseal doctor`: what is installed, and what is missing for which command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.help import Command, argument
from reseal.cli.options import PATH, json_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@argument("image", type=PATH, required=False, help="Say as well how this disk image is locked.")
@json_option
def doctor(image: Path | None, as_json: bool) -> None:
    """Say what reseal finds on this machine, in which version, and what is missing for which command.

    The layers of the sandbox are measured in a worker: what a kernel offers, a container may forbid.

    Exit code 5 where something is missing that a command needs.
    """
    from reseal.disk.image import resolve  # noqa: PLC0415
    from reseal.errors import EngineError  # noqa: PLC0415  --help needs no engines
    from reseal.report import doctor as report  # noqa: PLC0415

    with console.errors(as_json=as_json):
        record = report.examine()
        if image:
            record |= {"image": str(image), "locks": report.locks_of(resolve(image))}
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(report.text(record))
        if record["missing"]:
            raise SystemExit(EngineError.exit_code)
