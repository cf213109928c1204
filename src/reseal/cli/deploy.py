"""`reseal deploy`: a new disk that starts a Windows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reseal.cli import console
from reseal.cli.options import AllowBacking, AsJson, Quiet, Volume
from reseal.errors import UsageError


def deploy(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A WIM, an ESD, or a disk image.")
    ],
    disk: Annotated[
        Path, typer.Argument(metavar="DISK", help="The disk to make; its suffix names the format.")
    ],
    size: Annotated[str, typer.Option(metavar="SIZE", help="Of the disk: 64G, 65536M, or bytes.")],
    firmware: Annotated[
        str | None, typer.Option(metavar="uefi|bios", help="What starts the disk.")
    ] = None,
    recovery: Annotated[
        bool, typer.Option("--recovery", help="Make a recovery partition, too.")
    ] = False,
    resize: Annotated[
        bool,
        typer.Option(
            "--resize", help="Keep the layout of a disk image; let its Windows fill the new disk."
        ),
    ] = False,
    index: Annotated[
        int | None, typer.Option(metavar="N", help="Which image of a WIM, from 1.")
    ] = None,
    volume: Volume = None,
    as_json: AsJson = False,
    allow_backing: AllowBacking = False,
    report_files: Annotated[
        list[Path] | None,
        typer.Option(
            "--report", metavar="FILE.json", help="Keep the record of the run. Repeatable."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Make a disk that starts a Windows: partitions, boot files, boot store, drive letters.

    SOURCE is only read. DISK appears when it is whole. A WIM is applied; of a disk image the Windows
    volume is copied as it is and fills its new partition.
    """
    from reseal.deploy import Firmware, Options, resize_disk  # noqa: PLC0415  --help needs no engines
    from reseal.deploy import deploy as run  # noqa: PLC0415
    from reseal.deploy.size import parse_size  # noqa: PLC0415
    from reseal.report import deployment, files  # noqa: PLC0415

    with console.errors(as_json=as_json):
        for file in report_files or ():
            console.check_writable(file)
            if file.suffix.lower() != ".json":
                msg = f"{file} names no form of this record."
                raise UsageError(msg, "Let the name end in .json.")
        total = parse_size(size)
        if resize:
            if firmware or recovery or index is not None:
                msg = "--resize keeps the layout: it takes no --firmware, --recovery or --index."
                raise UsageError(msg, "Leave them out, or leave --resize out for a new layout.")
            with console.progress(quiet=quiet) as report:
                record = resize_disk(
                    source, disk, total, report, volume=volume, allow_backing=allow_backing
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
            )
            with console.progress(quiet=quiet) as report:
                record = run(source, disk, options, report)
        for file in report_files or ():
            files.write(record, file)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(deployment.lines(record))
