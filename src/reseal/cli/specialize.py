"""`reseal specialize`: one machine from an image, while it is powered off."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from reseal.cli import console
from reseal.cli.answer_files import Replace, load
from reseal.cli.options import AllowBacking, AsJson, Drivers, ImagePath, Quiet, ReportFiles, Volume
from reseal.cli.sid import ask
from reseal.errors import UsageError

#: What `--force` takes here.
_FORCE_ANSWERS, _FORCE_DOMAIN = "unattend", "domain"


def specialize(
    image: ImagePath,
    computer_name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The machine's name, or * for a random one."),
    ] = None,
    sid: Annotated[
        str | None,
        typer.Option(
            metavar="new|SID|pending",
            help="Its SID: drawn here, chosen, or left to Windows at the next boot.",
        ),
    ] = None,
    unattend: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="An answer file for its first boot; - for standard input."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="SETTING=VALUE",
            help="One setting, as in Shell-Setup/TimeZone=UTC; wins over the answer file. Repeatable.",
        ),
    ] = None,
    now: Annotated[
        bool,
        typer.Option("--now", help="Do at once what has a known place, the SID too."),
    ] = False,
    replace: Replace = False,
    force: Annotated[
        list[str] | None,
        typer.Option(
            metavar="unattend|domain",
            help="Take an answer file with errors; rename a member of a domain. Repeatable.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept what a new SID breaks.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a new image; its suffix names the format."),
    ] = None,
    thin: Annotated[
        bool, typer.Option("--thin", help="Make a qcow2 output an overlay over IMAGE.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    drivers: Drivers = None,
    volume: Volume = None,
    as_json: AsJson = False,
    allow_backing: AllowBacking = False,
    report_files: ReportFiles = None,
    quiet: Quiet = False,
) -> None:
    """Make one machine of an image: its own name, SID, MachineGuid and answer file.

    Of a generalized image Windows takes over name, SID and answers at its first boot; with --now they
    are in the image at once, as far as their places are known. The image is either untouched or done.
    In place unless --output names a new image.
    """
    from reseal.answerfile.assignment import Assignment, assigned  # noqa: PLC0415
    from reseal.report import sid as sid_report  # noqa: PLC0415
    from reseal.report import specialization  # noqa: PLC0415
    from reseal.session.run import Options, change, read  # noqa: PLC0415
    from reseal.specialize import SidChoice, Specialization, Wish  # noqa: PLC0415
    from reseal.specialize.wish import checked_name, parsed_sid, refuse_secrets  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if (dry_run and output) or (thin and not output):
            msg = "--dry-run takes no --output, and --thin needs one."
            raise UsageError(msg, "Leave one of them out, or name the new image with --output.")
        console.check_reports(report_files)
        unknown = set(force or ()) - {_FORCE_ANSWERS, _FORCE_DOMAIN}
        if unknown:
            msg = f"--force {', '.join(sorted(unknown))} is not known."
            raise UsageError(msg, "It takes unattend and domain.")
        own = [Assignment.parse(one) for one in settings or ()]
        refuse_secrets(own)
        wish = Wish(
            computer_name=checked_name(computer_name) if computer_name is not None else None,
            sid=parsed_sid(sid) if sid else None,
            document=load(unattend) if unattend else None,
            settings=partial(assigned, own) if own else None,
            now=now,
            replace=replace,
            force_answers=_FORCE_ANSWERS in (force or ()),
            force_domain=_FORCE_DOMAIN in (force or ()),
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
        options = Options(
            volume=volume,
            output=output,
            thin=thin,
            dry_run=dry_run,
            allow_backing=allow_backing,
            reads=(drivers,) if drivers else (),
        )
        with console.progress(quiet=quiet) as progress:
            record = change(
                image, specialization.specialize_job(machine), machine.recheck, options, progress
            )
        if dry_run:
            record["result"] = "dry run"
        console.keep(record, report_files)
        if as_json:
            console.print_json(record)
        else:
            shown = str(output) if output else None
            console.print_lines(specialization.lines(record, dry_run=dry_run, output=shown))
