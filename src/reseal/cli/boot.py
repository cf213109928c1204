"""`reseal boot`: what the next boot does, without generalizing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reseal.cli.answer_files import answer_file_options
from reseal.cli.help import Command
from reseal.cli.options import force_option, image_argument
from reseal.cli.run import DECRYPTING, Run, shares
from reseal.errors import UsageError
from reseal.operations.boot import Boot, BootRequest
from reseal.operations.boot import status as status_of
from reseal.report import booting

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@click.option("--oobe", is_flag=True, help="Boot to OOBE next.")
@click.option("--audit", is_flag=True, help="Boot to audit mode next.")
@click.option("--status", is_flag=True, help="Explain the present state, and change nothing.")
@click.option(
    "--recover",
    is_flag=True,
    help="Put an image that a failed Sysprep or Setup left behind back to its last "
    "consistent state.",
)
@answer_file_options
@force_option
@shares(
    *("dry_run", "volume", "index", "as_json", "allow_backing", "report_files", "quiet"),
    *DECRYPTING,
)
def boot(image: Path, run: Run, **options: Any) -> None:
    """Arm the next boot without generalizing, as `sysprep /oobe` and `sysprep /audit` do.

    Exactly one of --oobe, --audit, --status and --recover. An answer file says where the boot goes
    (Reseal or Generalize, Mode) unless --oobe or --audit does; --force unattend takes one with errors.
    """
    operation = Boot(BootRequest(**options))
    if options["status"]:
        if run.report_files:
            msg = "--status changes nothing, so there is no run whose record --report could keep."
            raise UsageError(msg, "Use --json to keep what it tells.")
        found = status_of(image, run.writing)
        run.show(found, iter(found["explanation"]))
        return
    record = run.change(image, operation)
    run.show(record, booting.lines(record, dry_run=run.dry_run))
