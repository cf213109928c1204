"""`reseal specialize`: turn an image into one machine, while it is powered off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reseal.cli.answer_files import now_option, replace_option, unattend_option
from reseal.cli.help import Command
from reseal.cli.options import (
    among,
    drivers_option,
    force_option,
    image_argument,
    option,
    yes_option,
)
from reseal.cli.run import CHANGING, REHEARSING, Run, shares
from reseal.cli.sid import ask
from reseal.operations.answers import FORCE_UNATTEND
from reseal.operations.sid import show_sid
from reseal.operations.specialize import FORCE_DOMAIN, Specialize, SpecializeRequest
from reseal.report import specialization


@click.command(cls=Command)
@image_argument
@option("--computer-name", metavar="NAME", help="Set the computer name; * for a random one.")
@option(
    "--sid",
    metavar="new|SID|pending",
    shell_complete=among("new", "pending"),
    help="Set a new or a chosen SID; pending leaves it to Windows at the next boot.",
)
@unattend_option
@option(
    "--set",
    "settings",
    multiple=True,
    metavar="SETTING=VALUE",
    help="Set one setting, such as Shell-Setup/TimeZone=UTC; it wins over the answer file. "
    "Repeatable.",
)
@now_option
@option(
    "--all-volumes",
    is_flag=True,
    help="With a SID that changes at once, also change volumes that hold no profile of this Windows.",
)
@replace_option
@force_option(FORCE_UNATTEND, FORCE_DOMAIN)
@yes_option
@drivers_option
@shares(*CHANGING, *REHEARSING)
def specialize(image: Path, now: bool, yes: bool, run: Run, **options: Any) -> None:
    """Turn an image into one machine with its own name, SID, MachineGuid and answer file.

    In a generalized image, Windows applies name, SID and answers at its first boot. --now applies what
    it can at once. reseal changes the image completely or not at all: in place, or into --output.
    --force unattend accepts an answer file with errors; --force domain renames a member of a domain.
    """
    operation = Specialize(SpecializeRequest(now=now, **options))
    if operation.breaks and not (run.dry_run or (yes and run.quiet)):
        before = show_sid(image, run.writing)
        if now or not before["generalized"]:
            ask(before["effects"], yes=yes)
    run.change(image, operation, specialization.lines)
