"""`reseal deploy`: a new disk that starts a Windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reseal.cli import console
from reseal.cli.help import Command, argument
from reseal.cli.options import PATH, among, drivers_option
from reseal.cli.run import Run, shares
from reseal.operations import deploy as operation
from reseal.report import deployment

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@argument("source", type=PATH, help="A WIM, an ESD, or a disk image.")
@argument("disk", type=PATH, help="The disk to make; its suffix names the format.")
@click.option("--size", required=True, metavar="SIZE", help="Of the disk: 64G, 65536M, or bytes.")
@click.option(
    "--firmware",
    metavar="uefi|bios",
    shell_complete=among("uefi", "bios"),
    help="What starts the disk.",
)
@click.option("--recovery", is_flag=True, help="Make a recovery partition, too.")
@click.option(
    "--resize",
    is_flag=True,
    help="Keep the layout of a disk image; let its Windows fill the new disk.",
)
@drivers_option
@shares("index", "volume", "as_json", "allow_backing", "report_files", "quiet")
def deploy(source: Path, disk: Path, run: Run, **options: Any) -> None:
    """Make a disk that starts a Windows: partitions, boot files, boot store, drive letters.

    SOURCE is only read. DISK appears when it is whole. A WIM is applied; of a disk image the Windows
    volume is copied as it is and fills its new partition.
    """
    request = operation.DeployRequest(**options)
    with run.progress() as tell:
        record = operation.deploy(source, disk, request, run.writing, tell)
    console.keep(record, run.report_files)
    run.show(record, deployment.lines(record))
