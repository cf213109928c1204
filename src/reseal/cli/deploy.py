"""`reseal deploy`: make a disk to start Windows from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reseal.cli import console
from reseal.cli.help import Command, argument
from reseal.cli.options import PATH, among, drivers_option, option
from reseal.cli.run import REHEARSING, Run, shares
from reseal.operations import deploy as operation
from reseal.report import deployment


@click.command(cls=Command)
@argument("source", type=PATH, help="A WIM, an ESD, an ISO with one, or a disk image.")
@argument("disk", type=PATH, help="The disk to make; its suffix chooses the format.")
@option("--size", required=True, metavar="SIZE", help="Set its size: 64G, 65536M, or bytes.")
@option(
    "--firmware",
    metavar="uefi|bios",
    shell_complete=among("uefi", "bios"),
    help="Choose the firmware that starts it.",
)
@option(
    "--boot-files",
    metavar="2011|2023",
    shell_complete=among("2011", "2023"),
    help="Choose the boot manager by the authority that signed it; the one that started this Windows so "
    "far by default.",
)
@option("--recovery", is_flag=True, help="Make a recovery partition, too.")
@option(
    "--resize",
    is_flag=True,
    help="Keep the layout of a disk image, and extend its Windows volume.",
)
@drivers_option
@shares(
    "index", "volume", "allow_backing", *REHEARSING, "as_json", "report_files", "quiet", "verbose"
)
def deploy(source: Path, disk: Path, run: Run, **options: Any) -> None:
    """Make a disk to start Windows from: partitions, boot files, boot store, drive letters.

    SOURCE is only read. DISK is made completely or not at all. A WIM is applied. The Windows volume of a disk
    image is copied and extended to fill its new partition.
    """
    request = operation.DeployRequest(**options)
    with run.progress() as tell:
        record = operation.deploy(source, disk, request, run.writing, tell)
    console.keep(record, run.report_files)
    run.show(record, deployment.lines(record, verbose=run.verbose))
