"""`reseal sid`: the machine SID of an image, shown, replaced, or left to Windows to replace."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.help import Command
from reseal.cli.options import (
    allow_backing_option,
    dry_run_option,
    image_argument,
    index_option,
    json_option,
    output_option,
    quiet_option,
    report_option,
    thin_option,
    volume_option,
)
from reseal.errors import UsageError

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
@click.option("--all-volumes", is_flag=True, help="Change the other volumes' descriptors, too.")
@click.option("--force", is_flag=True, help="Also for a member of a domain.")
@click.option("--yes", is_flag=True, help="Accept what the change breaks.")
@output_option
@thin_option
@dry_run_option
@volume_option
@index_option
@json_option
@allow_backing_option
@report_option
@quiet_option
def sid(
    image: Path,
    show: bool,
    new: bool,
    chosen: str | None,
    pending: bool,
    all_volumes: bool,
    force: bool,
    yes: bool,
    output: Path | None,
    thin: bool,
    dry_run: bool,
    volume: str | None,
    index: int | None,
    as_json: bool,
    allow_backing: bool,
    report_files: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Show the machine SID of an image, or give it another one everywhere.

    The image is either untouched or done. In place unless --output names a new image.
    """
    from reseal.report import sid as report  # noqa: PLC0415  --help needs no engines
    from reseal.run import Callables, RunOptions, change, read  # noqa: PLC0415
    from reseal.windows import Sid  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if (new and chosen) or (show and (new or chosen or pending)):
            msg = "--show, --new and --set exclude each other."
            raise UsageError(msg, "Choose one of them.")
        console.check_reports(report_files)
        if (dry_run and output) or (thin and not output):
            msg = "--dry-run takes no --output, and --thin needs one."
            raise UsageError(msg, "Leave one of them out, or name the new image with --output.")
        if not (new or chosen or pending):
            if report_files:
                msg = "Nothing is changed, so there is no run whose record --report could keep."
                raise UsageError(msg, "Use --json to keep what is shown.")
            record = read(
                image,
                lambda found: report.shown(found, volume, str(image)),
                allow_backing=allow_backing,
                index=index,
            )
            if as_json:
                console.print_json(record)
            else:
                console.print_lines(report.show_text(record))
            return
        try:
            wanted = Sid.parse(chosen) if chosen else None
        except ValueError as error:
            msg = f"--set: {error}."
            raise UsageError(msg, "A machine SID has the form S-1-5-21-x-y-z.") from error
        if not (dry_run or pending or (yes and quiet)):
            before = read(
                image,
                lambda found: report.shown(found, volume, str(image)),
                allow_backing=allow_backing,
                index=index,
            )
            ask(before["effects"], yes=yes)
        job = report.SidJob(wanted, pending=pending, draw=new, all_volumes=all_volumes, force=force)
        options = RunOptions(
            volume=volume,
            output=output,
            thin=thin,
            dry_run=dry_run,
            allow_backing=allow_backing,
            index=index,
        )
        with console.progress(quiet=quiet) as progress:
            record = change(image, Callables(job, job.recheck), options, progress)
        if dry_run:
            record["result"] = "dry run"
        console.keep(record, report_files)
        if as_json:
            console.print_json(record)
        else:
            shown = str(output) if output else None
            console.print_lines(report.change_text(record, dry_run=dry_run, output=shown))


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
