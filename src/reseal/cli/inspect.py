"""`reseal inspect`: show the content of an image."""

from __future__ import annotations

from pathlib import Path

import click

from reseal.cli.help import Command
from reseal.cli.options import image_argument
from reseal.cli.run import LOOKING, Run, shares
from reseal.operations import inspect as operation
from reseal.report import text


@click.command(cls=Command)
@image_argument
@shares(*LOOKING)
def inspect(image: Path, run: Run) -> None:
    """Show the Windows installations, identity and boot state of an image."""
    record = operation.inspect(image, run.writing)
    run.show(record, text.inspection(record))
