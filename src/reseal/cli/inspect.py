"""`reseal inspect`: what an image holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.help import Command
from reseal.cli.options import (
    allow_backing_option,
    image_argument,
    index_option,
    json_option,
    volume_option,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@volume_option
@index_option
@json_option
@allow_backing_option
def inspect(
    image: Path,
    volume: str | None,
    index: int | None,
    as_json: bool,
    allow_backing: bool,
) -> None:
    """Show which Windows an image holds, whose it is, and what its next boot will do."""
    from reseal.report import inspection, text  # noqa: PLC0415  --help needs no engines
    from reseal.run import read  # noqa: PLC0415

    with console.errors(as_json=as_json):
        record = read(
            image,
            lambda found: inspection.inspection(found, volume, str(image)),
            allow_backing=allow_backing,
            index=index,
        )
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(text.inspection(record))
