"""`reseal unattend apply`: give an installation an answer file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reseal.cli import console
from reseal.cli.answer_files import (
    driver_path_option,
    host_folders,
    oobe_xml_option,
    replace_option,
    request,
)
from reseal.cli.help import Command, argument
from reseal.cli.options import (
    FILE_OR_STDIN,
    allow_backing_option,
    dry_run_option,
    image_argument,
    index_option,
    json_option,
    quiet_option,
    report_option,
    volume_option,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@argument("file", type=FILE_OR_STDIN, help="An answer file; - for standard input.")
@replace_option
@click.option(
    "--now", is_flag=True, help="Apply settings of specialize at once where their place is known."
)
@oobe_xml_option
@driver_path_option
@click.option("--force", is_flag=True, help="Take the file although it has errors.")
@dry_run_option
@volume_option
@index_option
@json_option
@allow_backing_option
@report_option
@quiet_option
def apply(
    image: Path,
    file: str,
    replace: bool,
    now: bool,
    oobe_xml: Path | None,
    driver_paths: tuple[str, ...],
    force: bool,
    dry_run: bool,
    volume: str | None,
    index: int | None,
    as_json: bool,
    allow_backing: bool,
    report_files: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Give an existing installation an answer file, which its next boot uses.

    offlineServicing is applied at once; the other passes are Windows' own. No output holds a value of a
    setting, so no password is shown.
    """
    from reseal.report import answer_file  # noqa: PLC0415  --help needs no engines
    from reseal.run import Callables, RunOptions, change  # noqa: PLC0415

    with console.errors(as_json=as_json):
        asked = request(
            file,
            replace=replace,
            force=force,
            now=now,
            oobe_xml=oobe_xml,
            driver_paths=driver_paths,
        )
        assert asked
        console.check_reports(report_files)
        options = RunOptions(
            volume=volume,
            dry_run=dry_run,
            allow_backing=allow_backing,
            index=index,
            reads=host_folders(asked),
        )
        with console.progress(quiet=quiet) as report:
            record = change(image, Callables(answer_file.apply_job(asked)), options, report)
        if dry_run:
            record["result"] = "dry run"
        console.keep(record, report_files)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(answer_file.applied(record, dry_run=dry_run))
