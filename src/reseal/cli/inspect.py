"""`reseal inspect`: show the content of an image."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from reseal.cli.each import each
from reseal.cli.help import Command
from reseal.cli.options import images_argument
from reseal.cli.run import TELLING, Run, shares
from reseal.operations import inspect as operation
from reseal.report import text


@click.command(cls=Command)
@images_argument
@shares(*TELLING)
def inspect(images: tuple[Path, ...], run: Run) -> None:
    """Show the Windows installations, identity and boot state of images.

    For several images, --json prints a line each.
    """
    code = each(
        images,
        run,
        lambda image: operation.inspect(image, run.writing),
        partial(text.inspection, verbose=run.verbose),
        verdict=text.brief,
    )
    raise SystemExit(code)
