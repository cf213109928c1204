"""`reseal generalize`: remove what makes an installation one machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from reseal.cli import console
from reseal.cli.answer_files import (
    FORCE_UNATTEND,
    DriverPaths,
    OobeXml,
    Replace,
    Unattend,
    host_folders,
    request,
)
from reseal.cli.options import (
    AllowBacking,
    AsJson,
    Drivers,
    Force,
    ImagePath,
    Index,
    Quiet,
    ReportFiles,
    Verbose,
    Volume,
)
from reseal.cli.steps import StepsCommand, with_steps
from reseal.customize import Customization, Given
from reseal.customize.run import forced as forced_steps
from reseal.errors import UsageError

COMMAND = StepsCommand


@with_steps
def generalize(
    image: ImagePath,
    oobe: Annotated[bool, typer.Option("--oobe", help="Boot to OOBE next (the default).")] = False,
    audit: Annotated[bool, typer.Option("--audit", help="Boot to audit mode next.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a new image; its suffix names the format."),
    ] = None,
    thin: Annotated[
        bool, typer.Option("--thin", help="Make a qcow2 output an overlay over IMAGE.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    volume: Volume = None,
    index: Index = None,
    as_json: AsJson = False,
    discard_hibernation: Annotated[
        bool,
        typer.Option("--discard-hibernation", help="Give up what Windows had in memory."),
    ] = False,
    chkdsk_at_boot: Annotated[
        bool,
        typer.Option("--chkdsk-at-boot", help="Let Windows check the volume at its next boot."),
    ] = False,
    enable: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PROVIDER", help="Run a provider that is off by default (repeatable)."
        ),
    ] = None,
    disable: Annotated[
        list[str] | None,
        typer.Option(metavar="PROVIDER", help="Don't run a provider (repeatable)."),
    ] = None,
    sid_now: Annotated[
        bool,
        typer.Option("--sid-now", help="Give the machine its new SID now, not at its first boot."),
    ] = False,
    rearm: Annotated[
        bool, typer.Option("--rearm", help="Rearm the activation at the first boot.")
    ] = False,
    remove_drivers: Annotated[
        bool,
        typer.Option("--remove-drivers", help="Take third parties' driver packages out, too."),
    ] = False,
    drivers: Drivers = None,
    mode: Annotated[
        str | None,
        typer.Option(metavar="vm", help="vm: the image returns to the same hypervisor."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse images with third parties' Sysprep providers.")
    ] = False,
    force: Force = None,
    unattend: Unattend = None,
    replace: Replace = False,
    oobe_xml: OobeXml = None,
    driver_path: DriverPaths = None,
    locate_boot_devices: Annotated[
        bool,
        typer.Option(
            "--locate-boot-devices",
            help="Let the boot manager search for Windows, for volumes that go to another disk.",
        ),
    ] = False,
    allow_backing: AllowBacking = False,
    report_files: ReportFiles = None,
    save_identity: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json",
            help="Keep the identity that the machine had, for reseal verify --identity.",
        ),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
    *,
    steps: Callable[[], list[Given]],
) -> None:
    """Remove what makes an installation one machine, and arm its next boot.

    The image is either untouched or done. In place unless --output names a new image. An answer file
    says where the next boot goes (Reseal or Generalize, Mode) unless --oobe or --audit does;
    --force unattend takes one with errors.
    """
    from reseal import checks  # noqa: PLC0415  --help needs no engines
    from reseal.answerfile import requested_mode  # noqa: PLC0415
    from reseal.providers.selection import select  # noqa: PLC0415
    from reseal.report import files, text  # noqa: PLC0415
    from reseal.report.generalization import SidNow, generalize_job, still_armed  # noqa: PLC0415
    from reseal.session.run import Options, change  # noqa: PLC0415
    from reseal.sysprep.arm import Target  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if oobe and audit:
            msg = "--oobe and --audit exclude each other."
            raise UsageError(msg, "Name where the next boot goes: OOBE, or audit mode.")
        if dry_run and output:
            msg = "--dry-run writes nothing, so it takes no --output."
            raise UsageError(msg, "Leave one of them out.")
        if thin and not output:
            msg = "--thin makes a thin new image, so it needs --output."
            raise UsageError(msg, "Name the new image with --output FILE.qcow2.")
        console.check_reports(report_files)
        if save_identity:
            console.check_writable(save_identity)
        chosen = select(enable or (), disable or ())
        forced_names, others = forced_steps(force or ())
        customization = Customization(steps(), forced_names)
        forced = [name for name in others if name != FORCE_UNATTEND]
        answers = request(
            unattend,
            replace=replace,
            force=len(forced) < len(others),
            oobe_xml=oobe_xml,
            driver_paths=driver_path,
        )
        target = Target.AUDIT if audit else Target.OOBE
        if answers and not oobe:
            wanted = requested_mode(answers.document)
            target = Target(wanted.mode) if wanted and not audit else target
        if mode not in {None, "vm"}:
            msg = f"--mode {mode} is not known; the only mode is vm."
            raise UsageError(msg, "Leave --mode out for an image that may go to any hardware.")
        if mode and target is Target.AUDIT:
            msg = "--mode vm goes to OOBE only."
            raise UsageError(msg, "Leave --audit or --mode vm out.")
        given = {
            "mode:vm": mode == "vm",
            "strict": strict,
            "remove-drivers": remove_drivers,
            "discard-hibernation": discard_hibernation,
            "locate-boot-devices": locate_boot_devices,
            "rearm": rearm,
        }
        switches = checks.force(forced) | {name for name, on in given.items() if on}
        options = Options(
            volume=volume,
            output=output,
            thin=thin,
            dry_run=dry_run,
            chkdsk_at_boot=chkdsk_at_boot,
            allow_backing=allow_backing,
            index=index,
            switches=switches,
            shrink=customization.shrink,
            reads=(
                *((drivers,) if drivers else ()),
                *host_folders(answers),
                *customization.reads,
            ),
        )
        sid = SidNow() if sid_now else None
        try:
            customization.prepare(dry_run=dry_run)
            with console.progress(quiet=quiet) as report:
                record = change(
                    image,
                    generalize_job(target, chosen, answers, sid, drivers, customization),
                    still_armed(target, chosen, sid),
                    dataclasses.replace(options, writes=customization.writes),
                    report,
                )
            if copied_out := customization.publish():
                record["copied_out"] = copied_out
        finally:
            customization.discard()
        if dry_run and record["result"] == "generalized":
            record["result"] = "dry run"
        if save_identity and record["result"] != "already generalized":
            files.save_identity(record, save_identity)
        console.keep(record, report_files)
        if as_json:
            console.print_json(record)
        else:
            shown = str(output) if output else None
            console.print_lines(
                text.generalization(record, dry_run=dry_run, output=shown, verbose=verbose)
            )
