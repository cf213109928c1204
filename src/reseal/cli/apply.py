"""`reseal apply`: an image of a WIM, onto an NTFS volume or into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reseal.cli import console
from reseal.cli.options import AllowBacking, AsJson, Index, Quiet


def apply(
    wim: Annotated[
        Path,
        typer.Argument(metavar="FILE.wim", help="A WIM or ESD; of a split WIM the first part."),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", help="A disk image with an empty NTFS volume, or an empty folder."
        ),
    ],
    index: Index = None,
    volume: Annotated[
        int | None,
        typer.Option(metavar="N", help="Which volume of TARGET (default: the only empty one)."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check the WIM's integrity table first.")
    ] = False,
    as_json: AsJson = False,
    allow_backing: AllowBacking = False,
    quiet: Quiet = False,
) -> None:
    """Apply an image of a WIM, with all that it holds.

    TARGET has the whole image in the end, or is as it was.
    """
    from reseal.report import wim as report  # noqa: PLC0415  --help needs no engines
    from reseal.session.apply import apply as run  # noqa: PLC0415

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
