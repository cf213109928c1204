"""`reseal capture`: the Windows volume of an image, into a WIM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reseal.cli.help import Command, argument
from reseal.cli.options import PATH, among, image_argument
from reseal.cli.run import Run, shares
from reseal.operations import capture as operation
from reseal.report import wim as report

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@argument("wim", type=PATH, metavar="FILE.wim", help="The WIM to make.")
@click.option("--name", metavar="NAME", help="Name of the image (default: that of the product).")
@click.option("--description", metavar="TEXT", help="Description of the image.")
@click.option(
    "--compress",
    metavar="KIND",
    shell_complete=among("none", "xpress", "lzx", "lzms"),
    help="lzx (default), xpress, lzms or none.",
)
@click.option("--append", is_flag=True, help="Add the image to an existing WIM.")
@click.option(
    "--solid", is_flag=True, help="Compress all data as one, as in an ESD: small and slow."
)
@click.option(
    "--config", type=PATH, metavar="WimScript.ini", help="What to leave out, in DISM's form."
)
@click.option("--check", is_flag=True, help="Give the WIM an integrity table.")
@click.option(
    "--require-generalized", is_flag=True, help="Refuse an image that is not generalized."
)
@shares("volume", "keys", "as_json", "allow_backing", "quiet")
def capture(image: Path, wim: Path, run: Run, **options: Any) -> None:
    r"""Capture the Windows volume of a disk image into a WIM, as DISM would.

    Security descriptors, streams, reparse points, short names and hard links are kept. What DISM leaves
    out by default is left out: page files, hiberfil.sys, System Volume Information, RECYCLER,
    Windows\CSC. The WIM is either whole or not there.
    """
    request = operation.CaptureRequest(**options)
    with run.progress() as tell:
        record = operation.capture(image, wim, request, run.writing, tell)
    run.show(record, report.captured(record))
