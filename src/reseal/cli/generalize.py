"""`reseal generalize`: remove what makes an installation one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reseal.cli.answer_files import answer_file_options
from reseal.cli.options import (
    PATH,
    among,
    drivers_option,
    force_option,
    image_argument,
)
from reseal.cli.run import DECRYPTING, Run, shares
from reseal.cli.steps import StepsCommand
from reseal.errors import UsageError
from reseal.operations.generalize import Generalize, GeneralizeRequest
from reseal.operations.sid import WHEN
from reseal.report import generalization

if TYPE_CHECKING:
    from pathlib import Path


@click.command(cls=StepsCommand)
@image_argument
@click.option("--oobe", is_flag=True, help="Boot to OOBE next (the default).")
@click.option("--audit", is_flag=True, help="Boot to audit mode next.")
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
    "--sid",
    type=click.Choice(WHEN),
    default=WHEN[0],
    help="When the machine gets its new SID: pending, at its first boot (default); new, now; both, now "
    "everywhere and again in each copy at its first boot.",
)
@click.option("--sid-now", is_flag=True, hidden=True, help="The same as --sid new.")
@click.option(
    "--all-volumes",
    is_flag=True,
    help="Also change the image's other volumes: profiles, page files.",
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
@answer_file_options
@click.option(
    "--locate-boot-devices",
    is_flag=True,
    help="Let the boot manager search for Windows, for volumes that go to another disk.",
)
@click.option(
    "--save-identity",
    type=PATH,
    metavar="FILE.json",
    help="Keep the identity that the machine had, for reseal verify --identity.",
)
@shares(
    *("output", "thin", "dry_run", "volume", "index", "as_json", "allow_backing", "report_files"),
    *("quiet", "verbose"),
    "delete_snapshots",
    *DECRYPTING,
)
def generalize(
    image: Path, oobe: bool, audit: bool, steps: list[tuple[str, ...]], run: Run, **options: Any
) -> None:
    """Remove what makes an installation one machine, and arm its next boot.

    The image is either untouched or done. In place unless --output names a new image. An answer file
    says where the next boot goes (Reseal or Generalize, Mode) unless --oobe or --audit does;
    --force unattend takes one with errors.
    """
    if oobe and audit:
        msg = "--oobe and --audit exclude each other."
        raise UsageError(msg, "Name where the next boot goes: OOBE, or audit mode.")
    target = "oobe" if oobe else "audit" if audit else None
    request = GeneralizeRequest(target=target, steps=tuple(steps), **options)
    record = run.change(image, Generalize(request))
    run.show(
        record,
        generalization.lines(record, dry_run=run.dry_run, output=run.output, verbose=run.verbose),
    )
