"""`reseal check`: what would forbid generalizing an image, and what to know before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.help import Command
from reseal.cli.options import (
    allow_backing_option,
    force_option,
    image_argument,
    index_option,
    json_option,
    volume_option,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@force_option
@volume_option
@index_option
@json_option
@allow_backing_option
def check(
    image: Path,
    force: tuple[str, ...],
    volume: str | None,
    index: int | None,
    as_json: bool,
    allow_backing: bool,
) -> None:
    """Look at everything that Sysprep would refuse, in one run, and change nothing.

    The exit code is 3 if an error stands, 4 if the image is damaged, and 0 otherwise.
    """
    from reseal import checks  # noqa: PLC0415  --help needs no engines
    from reseal.report import text  # noqa: PLC0415
    from reseal.report.checks import check_job, exit_code  # noqa: PLC0415
    from reseal.run import read  # noqa: PLC0415

    with console.errors(as_json=as_json):
        job = check_job(volume, str(image), checks.force(force))
        record = read(image, job, allow_backing=allow_backing, index=index)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(text.checks(record))
    code = exit_code(record)
    if code:
        raise SystemExit(code)
