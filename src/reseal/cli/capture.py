"""`reseal capture`: capture the Windows volume of an image into a WIM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reseal.cli.help import Command, argument
from reseal.cli.options import (
    PATH,
    among,
    force_option,
    image_argument,
    integrity_option,
    option,
)
from reseal.cli.run import Run, shares
from reseal.operations import capture as operation
from reseal.report import wim as report


@click.command(cls=Command)
@image_argument
@argument("wim", type=PATH, metavar="FILE.wim", help="The WIM to make.")
@option("--name", metavar="NAME", help="Name the image (default: the name of the product).")
@option("--description", metavar="TEXT", help="Describe the image.")
@option(
    "--compress",
    metavar="KIND",
    shell_complete=among("none", "xpress", "lzx", "lzms"),
    help="Compress as lzx (default), xpress, lzms or none.",
)
@option("--append", is_flag=True, help="Add the image to an existing WIM.")
@option("--solid", is_flag=True, help="Compress all files together, as in an ESD: small and slow.")
@option(
    "--config",
    type=PATH,
    metavar="WimScript.ini",
    help="Exclude what this DISM configuration file lists.",
)
@integrity_option(help="Add an integrity table to the WIM.")
@option("--require-generalized", is_flag=True, help="Refuse an image that is not generalized.")
@force_option(operation.FORCE_DEDUP, help="Capture deduplicated files without their content.")
@shares("volume", "discard_hibernation", "keys", "allow_backing", "as_json", "quiet", "verbose")
def capture(image: Path, wim: Path, run: Run, **options: Any) -> None:
    r"""Capture the Windows volume of a disk image into a WIM, as DISM would.

    Security descriptors, streams, reparse points, short names and hard links are kept. DISM's default
    exclusions apply: page files, hiberfil.sys, System Volume Information, RECYCLER, Windows\CSC. The WIM
    is written completely or not at all. Deduplicated files are refused, since their content lies in System
    Volume Information.
    """
    request = operation.CaptureRequest(**options)
    with run.progress() as tell:
        record = operation.capture(image, wim, request, run.writing, tell)
    run.show(record, report.captured(record, verbose=run.verbose))
