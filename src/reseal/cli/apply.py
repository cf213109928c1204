"""`reseal apply`: an image of a WIM, onto an NTFS volume or into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.help import Command, argument
from reseal.cli.options import PATH, allow_backing_option, index_option, json_option, quiet_option

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
@json_option
@allow_backing_option
@quiet_option
def apply(
    wim: Path,
    target: Path,
    index: int | None,
    volume: int | None,
    check: bool,
    as_json: bool,
    allow_backing: bool,
    quiet: bool,
) -> None:
    """Apply an image of a WIM, with all that it holds.

    TARGET has the whole image in the end, or is as it was.
    """
    from reseal.report import wim as report  # noqa: PLC0415  --help needs no engines
    from reseal.run.apply import apply as run  # noqa: PLC0415

    with console.errors(as_json=as_json):
        with console.progress(quiet=quiet) as tell:
            record = run(
                wim,
                index,
                target,
                volume=volume,
                check=check,
                allow_backing=allow_backing,
                on_message=tell,
            )
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(report.applied(record))
