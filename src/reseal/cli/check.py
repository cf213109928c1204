"""`reseal check`: find what prevents generalizing an image."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from reseal.cli.each import each
from reseal.cli.help import Command
from reseal.cli.options import check_names, force_option, images_argument
from reseal.cli.run import TELLING, Run, shares
from reseal.operations import check as operation
from reseal.report import text


@click.command(cls=Command)
@images_argument
@force_option(more=check_names)
@shares(*TELLING, "quiet")
def check(images: tuple[Path, ...], force: tuple[str, ...], run: Run) -> None:
    """Run all checks on images: what Sysprep is known to refuse, and what a build leaves behind.

    Exit code 3 if a check finds an error, 4 if an image is damaged, 0 otherwise. For several images it is
    the highest, and --json prints a line each.
    """
    code = each(
        images,
        run,
        lambda image: operation.check(image, run.writing, force=force),
        partial(text.checks, verbose=run.verbose),
        verdict=text.checks_verdict,
        exit_code=operation.exit_code,
    )
    raise SystemExit(code)
