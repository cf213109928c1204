"""`reseal boot`: what the next boot does, without generalizing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reseal.cli import console
from reseal.cli.answer_files import (
    FORCE_UNATTEND,
    driver_path_option,
    host_folders,
    oobe_xml_option,
    replace_option,
    request,
    unattend_option,
)
from reseal.cli.help import Command
from reseal.cli.options import (
    allow_backing_option,
    dry_run_option,
    force_option,
    image_argument,
    index_option,
    json_option,
    quiet_option,
    report_option,
    volume_option,
)
from reseal.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@click.command(cls=Command)
@image_argument
@click.option("--oobe", is_flag=True, help="Boot to OOBE next.")
@click.option("--audit", is_flag=True, help="Boot to audit mode next.")
@click.option("--status", is_flag=True, help="Explain the present state, and change nothing.")
@click.option(
    "--recover",
    is_flag=True,
    help="Put an image that a failed Sysprep or Setup left behind back to its last "
    "consistent state.",
)
@unattend_option
@replace_option
@oobe_xml_option
@driver_path_option
@force_option
@dry_run_option
@volume_option
@index_option
@json_option
@allow_backing_option
@report_option
@quiet_option
def boot(
    image: Path,
    oobe: bool,
    audit: bool,
    status: bool,
    recover: bool,
    unattend: str | None,
    replace: bool,
    oobe_xml: Path | None,
    driver_paths: tuple[str, ...],
    force: tuple[str, ...],
    dry_run: bool,
    volume: str | None,
    index: int | None,
    as_json: bool,
    allow_backing: bool,
    report_files: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Arm the next boot without generalizing, as `sysprep /oobe` and `sysprep /audit` do.

    Exactly one of --oobe, --audit, --status and --recover. An answer file says where the boot goes
    (Reseal or Generalize, Mode) unless --oobe or --audit does; --force unattend takes one with errors.
    """
    from reseal.answerfile import requested_mode  # noqa: PLC0415  --help needs no engines
    from reseal.report import booting  # noqa: PLC0415
    from reseal.run import Callables, RunOptions, change, read  # noqa: PLC0415
    from reseal.sysprep.arm import Target  # noqa: PLC0415
    from reseal.sysprep.boot import recovered  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if unattend and (status or recover):
            msg = "--status and --recover take no answer file."
            raise UsageError(
                msg, "Give it with --oobe or --audit, or with `reseal unattend apply`."
            )
        if set(force) - {FORCE_UNATTEND}:
            msg = "--force unattend is the only check that `reseal boot` can override."
            raise UsageError(msg, "Leave the other names out.")
        answers = request(
            unattend,
            replace=replace,
            force=bool(force),
            oobe_xml=oobe_xml,
            driver_paths=driver_paths,
        )
        if answers and not (oobe or audit) and (wanted := requested_mode(answers.document)):
            oobe, audit = wanted.mode == Target.OOBE, wanted.mode == Target.AUDIT
        if sum((oobe, audit, status, recover)) != 1:
            msg = "Say one of --oobe, --audit, --status and --recover."
            raise UsageError(msg, "`reseal boot IMAGE --status` explains where the image stands.")
        if status and report_files:
            msg = "--status changes nothing, so there is no run whose record --report could keep."
            raise UsageError(msg, "Use --json to keep what it tells.")
        console.check_reports(report_files)
        record: dict[str, Any]
        if status:
            record = read(
                image,
                lambda found: booting.status(found, volume, str(image)),
                allow_backing=allow_backing,
                index=index,
            )
        else:
            target = Target.AUDIT if audit else Target.OOBE
            options = RunOptions(
                volume=volume,
                dry_run=dry_run,
                allow_backing=allow_backing,
                index=index,
                reads=host_folders(answers),
            )
            job = booting.recover_job if recover else booting.boot_job(target, answers)
            recheck = recovered if recover else booting.armed(target)
            with console.progress(quiet=quiet) as report:
                record = change(image, Callables(job, recheck), options, report)
            if dry_run:
                record["result"] = "dry run"
            console.keep(record, report_files)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(_lines(record, dry_run=dry_run))


def _lines(record: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    from reseal.report import answer_file  # noqa: PLC0415

    if "explanation" in record:
        yield from record["explanation"]
        return
    path = record["image"]["path"]
    if record.get("unattend"):
        yield from answer_file.lines(record)
    yield from (f"Note: {note}" for note in record["notes"])
    if dry_run:
        yield f"Nothing was written: a dry run with {len(record['changes'])} changes."
    elif record["result"] in {"armed", "applied"}:
        where = "audit mode" if record["target"] == "audit" else "OOBE"
        yield f"The next boot of {path} goes to {where}."
    elif record["result"] == "recovered":
        yield f"{path} is back in a consistent state."
    else:
        yield f"{path} was not changed."
