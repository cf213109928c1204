"""`reseal boot`: choose what the next boot does, without generalizing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reseal.cli.answer_files import answer_file_options
from reseal.cli.help import Command
from reseal.cli.options import force_option, image_argument, option
from reseal.cli.run import CHANGING, REHEARSING, Run, shares
from reseal.operations.answers import FORCE_UNATTEND
from reseal.operations.boot import Boot, BootRequest
from reseal.operations.boot import status as status_of
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
@answer_file_options
@force_option(FORCE_UNATTEND)
@shares(*CHANGING, *REHEARSING)
def boot(image: Path, run: Run, **options: Any) -> None:
    """Arm the next boot without generalizing, as `sysprep /oobe` and `sysprep /audit` do.

    Give one of --oobe, --audit, --status and --recover, or an answer file that says where the boot goes
    (Mode in Reseal or Generalize). --force unattend accepts an answer file with errors.
    """
    operation = Boot(BootRequest(**options))
    if options["status"]:
        run.refuse_report()
        found = status_of(image, run.writing)
        run.show(found, iter(found["explanation"]))
        return
    run.change(image, operation, booting.lines)
