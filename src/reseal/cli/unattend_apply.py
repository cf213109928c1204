"""`reseal unattend apply`: give an installation an answer file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reseal.cli.answer_files import driver_path_option, oobe_xml_option, replace_option
from reseal.cli.help import Command, argument
from reseal.cli.options import FILE_OR_STDIN, image_argument
from reseal.cli.run import DECRYPTING, Run, shares
from reseal.operations.unattend import ApplyUnattend, UnattendRequest
from reseal.report import answer_file

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@argument("file", type=FILE_OR_STDIN, help="An answer file; - for standard input.")
@replace_option
@click.option(
    "--now", is_flag=True, help="Apply settings of specialize at once where their place is known."
)
@oobe_xml_option
@driver_path_option
@click.option("--force", is_flag=True, help="Take the file although it has errors.")
@shares(
    *("dry_run", "volume", "index", "as_json", "allow_backing", "report_files", "quiet"),
    *DECRYPTING,
)
def apply(image: Path, file: str, run: Run, **options: Any) -> None:
    """Give an existing installation an answer file, which its next boot uses.

    offlineServicing is applied at once; the other passes are Windows' own. No output holds a value of a
    setting, so no password is shown.
    """
    record = run.change(image, ApplyUnattend(UnattendRequest(unattend=file, **options)))
    run.show(record, answer_file.applied(record, dry_run=run.dry_run))
