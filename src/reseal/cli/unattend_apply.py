"""`reseal unattend apply`: give an installation an answer file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reseal.cli.answer_files import driver_path_option, now_option, oobe_xml_option, replace_option
from reseal.cli.help import Command, argument
from reseal.cli.options import FILE_OR_STDIN, force_option, image_argument
from reseal.cli.run import CHANGING, Run, shares
from reseal.operations.answers import FORCE_UNATTEND
from reseal.operations.operation import check_force
from reseal.operations.unattend import ApplyUnattend, UnattendRequest
from reseal.report import answer_file


@click.command(cls=Command)
@image_argument
@argument("file", type=FILE_OR_STDIN, help="An answer file; - for standard input.")
@replace_option
@now_option
@oobe_xml_option
@driver_path_option
@force_option(FORCE_UNATTEND, was_flag=FORCE_UNATTEND, help="Accept an answer file with errors.")
@shares(*CHANGING)
def apply(image: Path, file: str, force: tuple[str, ...], run: Run, **options: Any) -> None:
    """Place an answer file in an installation for its next boot.

    offlineServicing is applied at once; Windows runs the other passes. No output shows the value of a
    setting, so no password appears.
    """
    check_force(force, FORCE_UNATTEND)
    request = UnattendRequest(unattend=file, force=bool(force), **options)
    run.change(image, ApplyUnattend(request), answer_file.applied)
