"""`reseal apply`: apply an image of a WIM to an NTFS volume or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reseal.cli.help import Command, argument
from reseal.cli.options import PATH, integrity_option, option
from reseal.cli.run import Run, shares
from reseal.operations import capture as operation
from reseal.report import wim as report


@click.command(cls=Command)
@argument(
    "wim",
    type=PATH,
    metavar="FILE.wim",
    help="A WIM or ESD, the first part of a split WIM, or an ISO.",
)
@argument(
    "target",
    type=PATH,
    help="A disk (image or device) with an empty NTFS volume, or an empty folder.",
)
@option(
    "--volume",
    type=int,
    metavar="N",
    help="Choose this volume of TARGET (default: the only empty one).",
)
@integrity_option(help="Check the WIM's integrity table first.")
@shares("index", "in_place", "scratch", "allow_backing", "as_json", "quiet", "verbose")
def apply(wim: Path, target: Path, run: Run, **options: Any) -> None:
    """Apply an image of a WIM with all its metadata.

    TARGET receives the whole image, or stays unchanged.
    """
    with run.progress() as tell:
        record = operation.apply(
            wim, target, writing=run.writing, on_message=tell, **options,
        )  # fmt: skip
    run.show(record, report.applied(record, verbose=run.verbose))
