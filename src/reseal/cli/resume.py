"""`reseal resume`: finish or undo an interrupted run."""

from __future__ import annotations

from pathlib import Path

import click

from reseal.cli.help import Command
from reseal.cli.options import PATH, image_argument, option, scratch_option
from reseal.cli.run import Run, shares


@click.command(cls=Command)
@image_argument
@scratch_option
@option(
    "--journal",
    type=PATH,
    metavar="FILE",
    help="Choose the journal of a block device, if several fit it.",
)
@shares("as_json")
def resume(image: Path, scratch: Path | None, journal: Path | None, run: Run) -> None:
    """Finish the interrupted merge of an image, or restore a folder after an interrupted run."""
    from reseal.run.resume import resume as resume_run  # noqa: PLC0415  --help needs no engines

    summary = resume_run(image, scratch=scratch, journal=journal)
    run.show({"result": "resumed", "summary": summary}, iter([summary]))
