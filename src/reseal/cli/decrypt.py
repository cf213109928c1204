"""`reseal decrypt`: decrypt a BitLocker volume."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from reseal.cli.help import Command
from reseal.cli.options import image_argument
from reseal.cli.run import Run, shares
from reseal.errors import UsageError
from reseal.operations import decrypt as operation
from reseal.report import bitlocker as report


@click.command(cls=Command)
@image_argument
@click.option(
    "--metadata", is_flag=True, help="Only show the protectors, the cipher and the state."
)
@click.option("--sparse", is_flag=True, help="Leave sectors that were never written empty.")
@click.option("--volume", metavar="N", help="Choose this volume, if several are encrypted.")
@shares("keys", "output", "thin", "as_json", "in_place", "scratch", "allow_backing", "quiet")
def decrypt(image: Path, metadata: bool, sparse: bool, volume: str | None, run: Run) -> None:
    """Decrypt a volume that BitLocker encrypts, with or without a Windows in it.

    A clear key on the disk is used automatically. The volume is decrypted completely or not at all.
    """
    writing = replace(run.writing, volume=volume)
    if metadata:
        if run.writing.output or run.writing.in_place or sparse:
            msg = "--metadata changes nothing, so it takes no --output, --in-place or --sparse."
            raise UsageError(msg, "Leave --metadata out to decrypt.")
        record = operation.metadata(image, writing)
        run.show(record, report.metadata(record))
        return
    writing = replace(writing, decrypt=True)
    with run.progress() as tell:
        record = operation.decrypt(image, writing, sparse=sparse, on_message=tell)
    run.show(
        record, report.decrypted(record, str(run.writing.output) if run.writing.output else None)
    )
