"""`reseal rehearse`: find the stage at which the boot of an image would stop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reseal.cli import console
from reseal.cli.help import Command, argument
from reseal.cli.options import PATH, machine_option, option
from reseal.cli.run import LOOKING, Run, shares
from reseal.errors import UsageError
from reseal.operations import rehearse as operation
from reseal.operations.rehearsing import FIRMWARE, RehearseRequest
from reseal.report import rehearsal


@click.command(cls=Command)
@argument(
    "image",
    type=PATH,
    required=False,
    help="A disk image, a WIM, or a folder with a Windows installation.",
)
@machine_option
@option(
    "--firmware",
    type=click.Choice(FIRMWARE),
    help="Its firmware, if it has both; derived from the partition table otherwise.",
)
@option(
    "--secure-boot",
    type=click.Choice(["2011", "2023", "off"]),
    help="The only authority whose boot managers the firmware trusts, or off.",
)
@option(
    "--dbx",
    type=PATH,
    metavar="FILE",
    help="Signature lists that the firmware has revoked, such as dbxupdate.bin.",
)
@option("--unattended", is_flag=True, help="Fail also where the boot would ask or wait.")
@shares(*LOOKING, "report_files", "verbose")
def rehearse(image: Path | None, unattended: bool, run: Run, **options: Any) -> None:
    """Walk through the next boot of an image: at which stage would it stop, ask or wait?

    Nothing is executed and nothing is changed. It does not prove a boot. Exit code 3 if the boot would stop
    (without --machine: on every machine), 0 otherwise.
    """
    if options["machine"] == "list":
        from reseal.rehearsal import machines  # noqa: PLC0415  loads the data files

        console.print_lines(rehearsal.machines(machines.known()))
        return
    if image is None:
        msg = "The image is missing."
        raise UsageError(msg, "Name a disk image, a WIM or a folder.")
    request = RehearseRequest(**options)
    record = operation.rehearse(image, run.writing, request)
    console.keep(operation.report_of(record), run.report_files)
    run.show(record, rehearsal.lines(record, verbose=run.verbose))
    raise SystemExit(operation.exit_code(record, unattended=unattended))
