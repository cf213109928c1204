"""`reseal check`: what would forbid generalizing an image, and what to know before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli.help import Command
from reseal.cli.options import force_option, image_argument
from reseal.cli.run import Run, shares
from reseal.operations import check as operation
from reseal.report import text

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@force_option
@shares("volume", "index", "keys", "as_json", "allow_backing")
def check(image: Path, force: tuple[str, ...], run: Run) -> None:
    """Look at everything that Sysprep would refuse, in one run, and change nothing.

    The exit code is 3 if an error stands, 4 if the image is damaged, and 0 otherwise.
    """
    record = operation.check(image, run.writing, force=force)
    run.show(record, text.checks(record))
    raise SystemExit(operation.exit_code(record))
