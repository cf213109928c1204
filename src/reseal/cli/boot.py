"""`reseal boot`: choose what the next boot does, without generalizing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reseal.cli import console
from reseal.cli.answer_files import answer_file_options
from reseal.cli.help import Command
from reseal.cli.options import boot_files_option, force_option, image_argument, option
from reseal.cli.run import CHANGING, REHEARSING, Run, shares
from reseal.errors import UsageError
from reseal.operations.answers import FORCE_UNATTEND
from reseal.operations.boot import Boot, BootRequest
from reseal.operations.boot import status as status_of
from reseal.operations.repair import repair as repair_of
from reseal.report import booting


@click.command(cls=Command)
@image_argument
@option("--oobe", is_flag=True, help="Boot to OOBE next.")
@option("--audit", is_flag=True, help="Boot to audit mode next.")
@option("--status", is_flag=True, help="Explain the present state; change nothing.")
@option(
    "--recover",
    is_flag=True,
    help="Return to the last consistent state after a failed Sysprep or Setup.",
)
@option(
    "--enable-storage",
    is_flag=True,
    help="Let the drivers of storage controllers start at boot, on any hardware.",
)
@option(
    "--repair",
    is_flag=True,
    help="Put back boot files, boot store, active flag and boot code of a disk, as bcdboot does.",
)
@boot_files_option
@answer_file_options
@force_option(FORCE_UNATTEND)
@shares(*CHANGING, *REHEARSING)
def boot(image: Path, run: Run, repair: bool, boot_files: str | None, **options: Any) -> None:
    """Arm the next boot without generalizing, as `sysprep /oobe` and `sysprep /audit` do.

    Give one of --oobe, --audit, --status, --recover, --enable-storage and --repair, or an answer file that
    says where the boot goes (Mode in Reseal or Generalize). --boot-files belongs to --repair. --force
    unattend accepts an answer file with errors.
    """
    if repair:
        _repair(image, run, boot_files, options)
        return
    if boot_files:
        msg = "--boot-files belongs to --repair."
        raise UsageError(msg, "Add --repair, or leave it out.")
    operation = Boot(BootRequest(**options))
    if options["status"]:
        run.refuse_report()
        found = status_of(image, run.writing)
        run.show(found, iter(found["explanation"]))
        return
    run.change(image, operation, booting.lines)


def _repair(image: Path, run: Run, boot_files: str | None, others: dict[str, Any]) -> None:
    if any(value for name, value in others.items() if name in BootRequest.__dataclass_fields__):
        msg = "--repair excludes the other things that reseal boot does."
        raise UsageError(msg, "Run reseal boot twice.")
    with run.progress() as tell:
        record = repair_of(image, run.writing, family=boot_files, on_message=tell)
    console.keep(record, run.report_files)
    where = str(run.writing.output or record["image"]["path"])
    lines = booting.repaired(record, where, dry_run=run.dry_run, verbose=run.verbose)
    run.show(record, lines)
