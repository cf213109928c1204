"""`reseal check`: find what prevents generalizing an image."""

from __future__ import annotations

from pathlib import Path

import click

from reseal.cli.help import Command
from reseal.cli.options import check_names, force_option, image_argument
from reseal.cli.run import LOOKING, Run, shares
from reseal.operations import check as operation
from reseal.report import text


@click.command(cls=Command)
@image_argument
@force_option(more=check_names)
@shares(*LOOKING)
def check(image: Path, force: tuple[str, ...], run: Run) -> None:
    """Run all checks on an image: what Sysprep is known to refuse, and what a build leaves behind.

    Exit code 3 if a check finds an error, 4 if the image is damaged, 0 otherwise.
    """
    record = operation.check(image, run.writing, force=force)
    run.show(record, text.checks(record))
    raise SystemExit(operation.exit_code(record))
