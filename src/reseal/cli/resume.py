"""`reseal resume`: finish, or undo, what an interrupted run left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.help import Command
from reseal.cli.options import image_argument

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
def resume(image: Path) -> None:
    """Finish the merge of an image whose run was interrupted, or put a folder back."""
    from reseal.run.resume import resume as resume_run  # noqa: PLC0415  --help needs no engines

    with console.errors(as_json=False):
        click.echo(resume_run(image))
