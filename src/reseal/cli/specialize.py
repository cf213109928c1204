"""`reseal specialize`: one machine from an image, while it is powered off."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.answer_files import load, replace_option
from reseal.cli.help import Command
from reseal.cli.options import (
    FILE_OR_STDIN,
    allow_backing_option,
    among,
    drivers_option,
    dry_run_option,
    image_argument,
    json_option,
    output_option,
    quiet_option,
    report_option,
    thin_option,
    volume_option,
)
from reseal.cli.sid import ask
from reseal.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

#: What `--force` takes here.
_FORCE_ANSWERS, _FORCE_DOMAIN = "unattend", "domain"


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
    shell_complete=among(_FORCE_ANSWERS, _FORCE_DOMAIN),
    help="Take an answer file with errors; rename a member of a domain. Repeatable.",
)
@click.option("--yes", is_flag=True, help="Accept what a new SID breaks.")
@output_option
@thin_option
@dry_run_option
@drivers_option
@volume_option
@json_option
@allow_backing_option
@report_option
@quiet_option
def specialize(
    image: Path,
    computer_name: str | None,
    sid: str | None,
    unattend: str | None,
    settings: tuple[str, ...],
    now: bool,
    replace: bool,
    force: tuple[str, ...],
    yes: bool,
    output: Path | None,
    thin: bool,
    dry_run: bool,
    drivers: Path | None,
    volume: str | None,
    as_json: bool,
    allow_backing: bool,
    report_files: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Make one machine of an image: its own name, SID, MachineGuid and answer file.

    Of a generalized image Windows takes over name, SID and answers at its first boot; with --now they
    are in the image at once, as far as their places are known. The image is either untouched or done.
    In place unless --output names a new image.
    """
    from reseal.answerfile.assignment import Assignment, assigned  # noqa: PLC0415
    from reseal.report import sid as sid_report  # noqa: PLC0415
    from reseal.report import specialization  # noqa: PLC0415
    from reseal.run import Callables, RunOptions, change, read  # noqa: PLC0415
    from reseal.specialize import SidChoice, Specialization, Wish  # noqa: PLC0415
    from reseal.specialize.wish import checked_name, parsed_sid, refuse_secrets  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if (dry_run and output) or (thin and not output):
            msg = "--dry-run takes no --output, and --thin needs one."
            raise UsageError(msg, "Leave one of them out, or name the new image with --output.")
        console.check_reports(report_files)
        unknown = set(force) - {_FORCE_ANSWERS, _FORCE_DOMAIN}
        if unknown:
            msg = f"--force {', '.join(sorted(unknown))} is not known."
            raise UsageError(msg, "It takes unattend and domain.")
        own = [Assignment.parse(one) for one in settings]
        refuse_secrets(own)
        wish = Wish(
            computer_name=checked_name(computer_name) if computer_name is not None else None,
            sid=parsed_sid(sid) if sid else None,
            document=load(unattend) if unattend else None,
            settings=partial(assigned, own) if own else None,
            now=now,
            replace=replace,
            force_answers=_FORCE_ANSWERS in force,
            force_domain=_FORCE_DOMAIN in force,
            drivers=drivers,
        )
        if wish.sid not in {None, SidChoice.PENDING} and not (dry_run or (yes and quiet)):
            before = read(
                image,
                lambda found: sid_report.shown(found, volume, str(image)),
                allow_backing=allow_backing,
            )
            if now or not before["generalized"]:
                ask(before["effects"], yes=yes)
        machine = Specialization(wish)
        options = RunOptions(
            volume=volume,
            output=output,
            thin=thin,
            dry_run=dry_run,
            allow_backing=allow_backing,
            reads=(drivers,) if drivers else (),
        )
        with console.progress(quiet=quiet) as progress:
            job = Callables(specialization.specialize_job(machine), machine.recheck)
            record = change(image, job, options, progress)
        if dry_run:
            record["result"] = "dry run"
        console.keep(record, report_files)
        if as_json:
            console.print_json(record)
        else:
            shown = str(output) if output else None
            console.print_lines(specialization.lines(record, dry_run=dry_run, output=shown))
