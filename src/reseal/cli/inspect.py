"""`reseal inspect`: what an image holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli.help import Command
from reseal.cli.options import image_argument
from reseal.cli.run import Run, shares
from reseal.operations import inspect as operation
from reseal.report import text

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@shares("volume", "index", "keys", "as_json", "allow_backing")
def inspect(image: Path, run: Run) -> None:
    """Show which Windows an image holds, whose it is, and what its next boot will do."""
    record = operation.inspect(image, run.writing)
    run.show(record, text.inspection(record))
