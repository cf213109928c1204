"""`reseal deploy`: a new disk that starts a Windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.help import Command, argument
from reseal.cli.options import (
    PATH,
    allow_backing_option,
    among,
    drivers_option,
    index_option,
    json_option,
    quiet_option,
    report_option,
    volume_option,
)
from reseal.errors import UsageError

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
@index_option
@drivers_option
@volume_option
@json_option
@allow_backing_option
@report_option
@quiet_option
def deploy(
    source: Path,
    disk: Path,
    size: str,
    firmware: str | None,
    recovery: bool,
    resize: bool,
    index: int | None,
    drivers: Path | None,
    volume: str | None,
    as_json: bool,
    allow_backing: bool,
    report_files: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Make a disk that starts a Windows: partitions, boot files, boot store, drive letters.

    SOURCE is only read. DISK appears when it is whole. A WIM is applied; of a disk image the Windows
    volume is copied as it is and fills its new partition.
    """
    from reseal.deploy import Firmware, Options, resize_disk  # noqa: PLC0415  --help needs no engines
    from reseal.deploy import deploy as run  # noqa: PLC0415
    from reseal.deploy.size import parse_size  # noqa: PLC0415
    from reseal.report import deployment  # noqa: PLC0415
    from reseal.report.record import owner  # noqa: PLC0415

    with console.errors(as_json=as_json):
        console.check_reports(report_files)
        total = parse_size(size)
        if resize:
            if firmware or recovery or drivers or index is not None:
                msg = "--resize keeps the layout: it takes no --firmware, --recovery, --drivers or --index."
                raise UsageError(msg, "Leave them out, or leave --resize out for a new layout.")
            with console.progress(quiet=quiet) as report:
                record = resize_disk(
                    source,
                    disk,
                    total,
                    report,
                    volume=volume,
                    allow_backing=allow_backing,
                    describe=owner,
                )
        else:
            if firmware not in {one.value for one in Firmware}:
                msg = "--firmware says what starts the disk: uefi or bios."
                raise UsageError(msg, "Name the one that the machine has; uefi for most.")
            options = Options(
                size=total,
                firmware=Firmware(firmware),
                recovery=recovery,
                index=index,
                volume=volume,
                allow_backing=allow_backing,
                drivers=drivers,
                describe=owner,
            )
            with console.progress(quiet=quiet) as report:
                record = run(source, disk, options, report)
        record = deployment.complete(record)
        console.keep(record, report_files)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(deployment.lines(record))
