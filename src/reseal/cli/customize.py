"""`reseal customize`: what people do to an image before they seal it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from reseal.cli import console
from reseal.cli.options import (
    AllowBacking,
    AsJson,
    ImagePath,
    Quiet,
    ReportFiles,
    Verbose,
    Volume,
)
from reseal.cli.steps import StepsCommand, with_steps
from reseal.customize import Customization, Given
from reseal.customize.run import known_only
from reseal.errors import UsageError

COMMAND = StepsCommand


@with_steps
def customize(
    image: ImagePath,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a new image; its suffix names the format."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    force: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Do what a step refuses under this name; repeatable."),
    ] = None,
    volume: Volume = None,
    as_json: AsJson = False,
    allow_backing: AllowBacking = False,
    report_files: ReportFiles = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    *,
    steps: Callable[[], list[Given]],
) -> None:
    r"""Change an image before it is sealed: files, registry, accounts, settings, space.

    Every step may be given several times; they are done in the order given, and all of them or none.
    Paths in the image are written C:\folder\file, \folder\file or /folder/file.
    """
    from reseal.report import customization as report  # noqa: PLC0415  --help needs no engines
    from reseal.session.run import Options, change  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if dry_run and output:
            msg = "--dry-run writes nothing, so it takes no --output."
            raise UsageError(msg, "Leave one of them out.")
        console.check_reports(report_files)
        customization = Customization(steps(), known_only(force or ()))
        if not customization:
            msg = "No step was given."
            raise UsageError(msg, "`reseal customize --help` lists them.")
        options = Options(
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
                    report.customize_job(customization),
                    lambda _: [],
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
