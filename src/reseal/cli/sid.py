"""`reseal sid`: show the machine SID of an image, or replace it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from reseal.cli import console
from reseal.cli.help import Command
from reseal.cli.options import force_option, image_argument, option, yes_option
from reseal.cli.run import CHANGING, Run, one_of, shares
from reseal.errors import UsageError
from reseal.operations.operation import check_force
from reseal.operations.sid import ChangeSid, SidRequest, show_sid
from reseal.operations.specialize import FORCE_DOMAIN
from reseal.report import sid as report


@click.command(cls=Command)
@image_argument
@option("--show", is_flag=True, help="Show the machine SID (the default).")
@option("--new", is_flag=True, help="Set a new SID now.")
@option("--sid", "chosen", former=("--set",), metavar="SID", help="Set this SID now.")
@option(
    "--pending",
    is_flag=True,
    help="Leave the change to Windows at its next boot; combines with --new and --sid.",
)
@option(
    "--all-volumes",
    is_flag=True,
    help="Also change other volumes that hold no profile of this Windows.",
)
@force_option(FORCE_DOMAIN, was_flag=FORCE_DOMAIN, help="Change a member of a domain, too.")
@yes_option
@shares(*CHANGING, "delete_snapshots")
def sid(
    image: Path,
    show: bool,
    new: bool,
    chosen: str | None,
    pending: bool,
    all_volumes: bool,
    force: tuple[str, ...],
    yes: bool,
    run: Run,
) -> None:
    """Show the machine SID of an image, or replace it everywhere.

    reseal changes the image completely or not at all: in place, or into --output.
    """
    one_of(show=show, new=new, sid=chosen)
    one_of(show=show, pending=pending)
    check_force(force, FORCE_DOMAIN)
    if not (new or chosen or pending):
        run.refuse_report()
        found = show_sid(image, run.writing)
        run.show(found, report.show_text(found, verbose=run.verbose))
        return
    operation = ChangeSid(
        SidRequest(
            chosen=chosen, new=new, pending=pending, all_volumes=all_volumes, force=bool(force)
        )
    )
    if not (run.dry_run or pending or (yes and run.quiet)):
        ask(show_sid(image, run.writing)["effects"], yes=yes)
    run.change(image, operation, report.lines)


def ask(effects: list[str], *, yes: bool) -> None:
    """Show what the change breaks, and go on only with consent."""
    for effect in effects:
        console.warn(effect)
    if yes:
        return
    if not sys.stdin.isatty():
        msg = "A new SID breaks what the warnings list. Nothing was changed."
        raise UsageError(msg, "Add --yes to accept that.")
    if not click.confirm("Go on?", err=True):
        raise SystemExit(1)
