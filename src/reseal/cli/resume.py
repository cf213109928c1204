"""`reseal resume`: finish or undo an interrupted run."""

from __future__ import annotations

from pathlib import Path

import click

from reseal.cli.help import Command
from reseal.cli.options import image_argument
from reseal.cli.run import Run, shares


@click.command(cls=Command)
@image_argument
@shares("as_json")
def resume(image: Path, run: Run) -> None:
    """Finish the interrupted merge of an image, or restore a folder after an interrupted run."""
    from reseal.run.resume import resume as resume_run  # noqa: PLC0415  --help needs no engines

    summary = resume_run(image)
    run.show({"result": "resumed", "summary": summary}, iter([summary]))
