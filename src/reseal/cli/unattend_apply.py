"""`reseal unattend apply`: give an installation an answer file."""

from __future__ import annotations

from typing import Annotated

import typer

from reseal.cli import console
from reseal.cli.answer_files import DriverPaths, OobeXml, Replace, host_folders, request
from reseal.cli.options import AllowBacking, AsJson, ImagePath, Index, Quiet, ReportFiles, Volume


def apply(
    image: ImagePath,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="An answer file; - for standard input.")
    ],
    replace: Replace = False,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="Apply settings of specialize at once where their place is known."
        ),
    ] = False,
    oobe_xml: OobeXml = None,
    driver_path: DriverPaths = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take the file although it has errors.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    volume: Volume = None,
    index: Index = None,
    as_json: AsJson = False,
    allow_backing: AllowBacking = False,
    report_files: ReportFiles = None,
    quiet: Quiet = False,
) -> None:
    """Give an existing installation an answer file, which its next boot uses.

    offlineServicing is applied at once; the other passes are Windows' own. No output holds a value of a
    setting, so no password is shown.
    """
    from reseal.report import answer_file  # noqa: PLC0415  --help needs no engines
    from reseal.session.run import Options, change  # noqa: PLC0415

    with console.errors(as_json=as_json):
        asked = request(
            file,
            replace=replace,
            force=force,
            now=now,
            oobe_xml=oobe_xml,
            driver_paths=driver_path,
        )
        assert asked
        console.check_reports(report_files)
        options = Options(
            volume=volume,
            dry_run=dry_run,
            allow_backing=allow_backing,
            index=index,
            reads=host_folders(asked),
        )
        with console.progress(quiet=quiet) as report:
            record = change(image, answer_file.apply_job(asked), lambda _: [], options, report)
        if dry_run:
            record["result"] = "dry run"
        console.keep(record, report_files)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(answer_file.applied(record, dry_run=dry_run))
