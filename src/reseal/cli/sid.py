"""`reseal sid`: the machine SID of an image, shown, replaced, or left to Windows to replace."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reseal.cli.help import Command
from reseal.cli.options import image_argument
from reseal.cli.run import DECRYPTING, Run, shares
from reseal.errors import UsageError
from reseal.operations.sid import ChangeSid, SidRequest, show_sid
from reseal.report import sid as report

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@click.option("--show", is_flag=True, help="Show the machine SID (default).")
@click.option("--new", is_flag=True, help="Replace it by a new one, now.")
@click.option("--set", "chosen", metavar="SID", help="Replace it by this one, now.")
@click.option(
    "--pending",
    is_flag=True,
    help="Let Windows replace it at the next boot; with --new or --set: by that.",
)
@click.option(
    "--all-volumes",
    is_flag=True,
    help="Also change the image's other volumes: profiles and permissions.",
)
@click.option("--force", is_flag=True, help="Also for a member of a domain.")
@click.option("--yes", is_flag=True, help="Accept what the change breaks.")
@shares(
    *("output", "thin", "dry_run", "volume", "index", "as_json", "allow_backing", "report_files"),
    "quiet",
    "delete_snapshots",
    *DECRYPTING,
)
def sid(
    image: Path,
    show: bool,
    new: bool,
    chosen: str | None,
    pending: bool,
    all_volumes: bool,
    force: bool,
    yes: bool,
    run: Run,
) -> None:
    """Show the machine SID of an image, or give it another one everywhere.

    The image is either untouched or done. In place unless --output names a new image.
    """
    changes = new or chosen or pending
    if show and changes:
        msg = "--show, --new and --set exclude each other."
        raise UsageError(msg, "Choose one of them.")
    if not changes:
        if run.report_files:
            msg = "Nothing is changed, so there is no run whose record --report could keep."
            raise UsageError(msg, "Use --json to keep what is shown.")
        found = show_sid(image, run.writing)
        run.show(found, report.show_text(found))
        return
    operation = ChangeSid(
        SidRequest(chosen=chosen, new=new, pending=pending, all_volumes=all_volumes, force=force)
    )
    if not (run.dry_run or pending or (yes and run.quiet)):
        ask(show_sid(image, run.writing)["effects"], yes=yes)
    record = run.change(image, operation)
    run.show(record, report.change_text(record, dry_run=run.dry_run, output=run.output))


def ask(effects: list[str], *, yes: bool) -> None:
    """Say what the change breaks, and go on only with consent."""
    for effect in effects:
        click.echo(f"Warning: {effect}", err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        msg = "Another SID breaks what the warnings say. Nothing was changed."
        raise UsageError(msg, "Add --yes to accept that.")
    if not click.confirm("Go on?", err=True):
        raise SystemExit(1)
