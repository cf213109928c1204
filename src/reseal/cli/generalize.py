"""`reseal generalize`: remove what makes an installation one machine."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

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
from reseal.cli.options import (
    PATH,
    allow_backing_option,
    among,
    drivers_option,
    dry_run_option,
    force_option,
    image_argument,
    index_option,
    json_option,
    output_option,
    quiet_option,
    report_option,
    thin_option,
    verbose_option,
    volume_option,
)
from reseal.cli.steps import StepsCommand, Words, read
from reseal.customize import Customization
from reseal.customize.run import forced as forced_steps
from reseal.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=StepsCommand)
@image_argument
@click.option("--oobe", is_flag=True, help="Boot to OOBE next (the default).")
@click.option("--audit", is_flag=True, help="Boot to audit mode next.")
@output_option
@thin_option
@dry_run_option
@volume_option
@index_option
@json_option
@click.option("--discard-hibernation", is_flag=True, help="Give up what Windows had in memory.")
@click.option(
    "--chkdsk-at-boot", is_flag=True, help="Let Windows check the volume at its next boot."
)
@click.option(
    "--enable",
    multiple=True,
    metavar="PROVIDER",
    help="Run a provider that is off by default (repeatable).",
)
@click.option(
    "--disable", multiple=True, metavar="PROVIDER", help="Don't run a provider (repeatable)."
)
@click.option(
    "--sid-now", is_flag=True, help="Give the machine its new SID now, not at its first boot."
)
@click.option("--rearm", is_flag=True, help="Rearm the activation at the first boot.")
@click.option(
    "--remove-drivers", is_flag=True, help="Take third parties' driver packages out, too."
)
@drivers_option
@click.option(
    "--mode",
    metavar="vm",
    shell_complete=among("vm"),
    help="vm: the image returns to the same hypervisor.",
)
@click.option("--strict", is_flag=True, help="Refuse images with third parties' Sysprep providers.")
@force_option
@unattend_option
@replace_option
@oobe_xml_option
@driver_path_option
@click.option(
    "--locate-boot-devices",
    is_flag=True,
    help="Let the boot manager search for Windows, for volumes that go to another disk.",
)
@allow_backing_option
@report_option
@click.option(
    "--save-identity",
    type=PATH,
    metavar="FILE.json",
    help="Keep the identity that the machine had, for reseal verify --identity.",
)
@quiet_option
@verbose_option
def generalize(
    image: Path,
    oobe: bool,
    audit: bool,
    output: Path | None,
    thin: bool,
    dry_run: bool,
    volume: str | None,
    index: int | None,
    as_json: bool,
    discard_hibernation: bool,
    chkdsk_at_boot: bool,
    enable: tuple[str, ...],
    disable: tuple[str, ...],
    sid_now: bool,
    rearm: bool,
    remove_drivers: bool,
    drivers: Path | None,
    mode: str | None,
    strict: bool,
    force: tuple[str, ...],
    unattend: str | None,
    replace: bool,
    oobe_xml: Path | None,
    driver_paths: tuple[str, ...],
    locate_boot_devices: bool,
    allow_backing: bool,
    report_files: tuple[Path, ...],
    save_identity: Path | None,
    quiet: bool,
    verbose: bool,
    steps: list[Words],
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
    from reseal.run import Callables, RunOptions, change  # noqa: PLC0415
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
        chosen = select(enable, disable)
        forced_names, others = forced_steps(force)
        customization = Customization(read(steps), forced_names)
        forced = [name for name in others if name != FORCE_UNATTEND]
        answers = request(
            unattend,
            replace=replace,
            force=len(forced) < len(others),
            oobe_xml=oobe_xml,
            driver_paths=driver_paths,
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
        options = RunOptions(
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
                    Callables(
                        generalize_job(target, chosen, answers, sid, drivers, customization),
                        still_armed(target, chosen, sid),
                    ),
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
