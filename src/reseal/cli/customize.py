"""`reseal customize`: what people do to an image before they seal it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli.options import image_argument
from reseal.cli.run import DECRYPTING, Run, shares
from reseal.cli.steps import StepsCommand
from reseal.operations.customize import Customize, CustomizeRequest
from reseal.report import customization

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=StepsCommand)
@image_argument
@click.option(
    "--force",
    multiple=True,
    metavar="NAME",
    help="Do what a step refuses under this name; repeatable.",
)
@shares(
    *("output", "dry_run", "volume", "as_json", "allow_backing", "report_files", "quiet"),
    "verbose",
    "delete_snapshots",
    *DECRYPTING,
)
def customize(image: Path, force: tuple[str, ...], steps: list[tuple[str, ...]], run: Run) -> None:
    r"""Change an image before it is sealed: files, registry, accounts, settings, space.

    Every step may be given several times; they are done in the order given, and all of them or none.
    Paths in the image are written C:\folder\file, \folder\file or /folder/file.
    """
    record = run.change(image, Customize(CustomizeRequest(steps=tuple(steps), force=force)))
    run.show(
        record,
        customization.lines(record, dry_run=run.dry_run, output=run.output, verbose=run.verbose),
    )
