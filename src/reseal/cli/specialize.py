"""`reseal specialize`: one machine from an image, while it is powered off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reseal.cli.answer_files import replace_option
from reseal.cli.help import Command
from reseal.cli.options import FILE_OR_STDIN, among, drivers_option, image_argument
from reseal.cli.run import DECRYPTING, Run, shares
from reseal.cli.sid import ask
from reseal.operations.answers import FORCE_UNATTEND
from reseal.operations.sid import show_sid
from reseal.operations.specialize import FORCE_DOMAIN, Specialize, SpecializeRequest
from reseal.report import specialization

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@click.option("--computer-name", metavar="NAME", help="The machine's name, or * for a random one.")
@click.option(
    "--sid",
    metavar="new|SID|pending",
    shell_complete=among("new", "pending"),
    help="Its SID: drawn here, chosen, or left to Windows at the next boot.",
)
@click.option(
    "--unattend",
    type=FILE_OR_STDIN,
    metavar="FILE",
    help="An answer file for its first boot; - for standard input.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SETTING=VALUE",
    help="One setting, as in Shell-Setup/TimeZone=UTC; wins over the answer file. Repeatable.",
)
@click.option("--now", is_flag=True, help="Do at once what has a known place, the SID too.")
@replace_option
@click.option(
    "--force",
    multiple=True,
    metavar="unattend|domain",
    shell_complete=among(FORCE_UNATTEND, FORCE_DOMAIN),
    help="Take an answer file with errors; rename a member of a domain. Repeatable.",
)
@click.option("--yes", is_flag=True, help="Accept what a new SID breaks.")
@drivers_option
@shares(
    *("output", "thin", "dry_run", "volume", "as_json", "allow_backing", "report_files", "quiet"),
    *DECRYPTING,
)
def specialize(image: Path, now: bool, yes: bool, run: Run, **options: Any) -> None:
    """Make one machine of an image: its own name, SID, MachineGuid and answer file.

    Of a generalized image Windows takes over name, SID and answers at its first boot; with --now they
    are in the image at once, as far as their places are known. The image is either untouched or done.
    In place unless --output names a new image.
    """
    operation = Specialize(SpecializeRequest(now=now, **options))
    if operation.breaks and not (run.dry_run or (yes and run.quiet)):
        before = show_sid(image, run.writing)
        if now or not before["generalized"]:
            ask(before["effects"], yes=yes)
    record = run.change(image, operation)
    run.show(record, specialization.lines(record, dry_run=run.dry_run, output=run.output))
