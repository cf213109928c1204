"""`reseal apply`: an image of a WIM, onto an NTFS volume or into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reseal.cli.help import Command, argument
from reseal.cli.options import PATH, index_option
from reseal.cli.run import Run, shares
from reseal.operations import capture as operation
from reseal.report import wim as report

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@argument("wim", type=PATH, metavar="FILE.wim", help="A WIM or ESD; of a split WIM the first part.")
@argument("target", type=PATH, help="A disk image with an empty NTFS volume, or an empty folder.")
@index_option
@click.option(
    "--volume", type=int, metavar="N", help="Which volume of TARGET (default: the only empty one)."
)
@click.option("--check", is_flag=True, help="Check the WIM's integrity table first.")
@shares("as_json", "allow_backing", "quiet")
def apply(wim: Path, target: Path, run: Run, **options: Any) -> None:
    """Apply an image of a WIM, with all that it holds.

    TARGET has the whole image in the end, or is as it was.
    """
    backing = run.writing.allow_backing
    with run.progress() as tell:
        record = operation.apply(wim, target, allow_backing=backing, on_message=tell, **options)
    run.show(record, report.applied(record))
