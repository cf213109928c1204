"""`reseal customize`: what people do to an image before they seal it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.options import (
    allow_backing_option,
    dry_run_option,
    image_argument,
    json_option,
    output_option,
    quiet_option,
    report_option,
    verbose_option,
    volume_option,
)
from reseal.cli.steps import StepsCommand, Words, read
from reseal.customize import Customization
from reseal.customize.run import known_only
from reseal.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=StepsCommand)
@image_argument
@output_option
@dry_run_option
@click.option(
    "--force",
    multiple=True,
    metavar="NAME",
    help="Do what a step refuses under this name; repeatable.",
)
@volume_option
@json_option
@allow_backing_option
@report_option
@quiet_option
@verbose_option
def customize(
    image: Path,
    output: Path | None,
    dry_run: bool,
    force: tuple[str, ...],
    volume: str | None,
    as_json: bool,
    allow_backing: bool,
    report_files: tuple[Path, ...],
    quiet: bool,
    verbose: bool,
    steps: list[Words],
) -> None:
    r"""Change an image before it is sealed: files, registry, accounts, settings, space.

    Every step may be given several times; they are done in the order given, and all of them or none.
    Paths in the image are written C:\folder\file, \folder\file or /folder/file.
    """
    from reseal.report import customization as report  # noqa: PLC0415  --help needs no engines
    from reseal.run import Callables, RunOptions, change  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if dry_run and output:
            msg = "--dry-run writes nothing, so it takes no --output."
            raise UsageError(msg, "Leave one of them out.")
        console.check_reports(report_files)
        customization = Customization(read(steps), known_only(force))
        if not customization:
            msg = "No step was given."
            raise UsageError(msg, "`reseal customize --help` lists them.")
        options = RunOptions(
            volume=volume,
            output=output,
            dry_run=dry_run,
            allow_backing=allow_backing,
            shrink=customization.shrink,
            reads=customization.reads,
        )
        try:
            customization.prepare(dry_run=dry_run)
            with console.progress(quiet=quiet) as progress:
                record = change(
                    image,
                    Callables(report.customize_job(customization)),
                    replace(options, writes=customization.writes),
                    progress,
                )
            record["copied_out"] = customization.publish()
        finally:
            customization.discard()
        if dry_run:
            record["result"] = "dry run"
        console.keep(record, report_files)
        if as_json:
            console.print_json(record)
        else:
            shown = str(output) if output else None
            console.print_lines(
                report.lines(record, dry_run=dry_run, output=shown, verbose=verbose)
            )
