"""`reseal resume`: finish, or undo, what an interrupted run left behind."""

from __future__ import annotations

import typer

from reseal.cli import console
from reseal.cli.options import ImagePath


def resume(image: ImagePath) -> None:
    """Finish the merge of an image whose run was interrupted, or put a folder back."""
    from reseal.session.resume import resume as resume_run  # noqa: PLC0415  --help needs no engines

    with console.errors(as_json=False):
        typer.echo(resume_run(image))
