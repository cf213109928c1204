"""`reseal generalize`: remove what identifies the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from reseal.cli.answer_files import answer_file_options
from reseal.cli.options import (
    PATH,
    among,
    check_names,
    drivers_option,
    force_option,
    image_argument,
    option,
)
from reseal.cli.run import CHANGING, REHEARSING, Run, one_of, shares
from reseal.cli.steps import StepsCommand, forceable
from reseal.operations.answers import FORCE_UNATTEND
from reseal.operations.generalize import Generalize, GeneralizeRequest
from reseal.operations.sid import WHEN
from reseal.report import generalization


def _providers() -> list[str]:
    from reseal.providers.plugins import every  # noqa: PLC0415  slow; only completion needs them

    return [one.id for one in every()]


_provider = among(more=_providers)


def _may_be_forced() -> list[str]:
    return [FORCE_UNATTEND, *forceable(), *check_names()]


@click.command(cls=StepsCommand)
@image_argument
@option("--oobe", is_flag=True, help="Boot to OOBE next.")
@option("--audit", is_flag=True, help="Boot to audit mode next.")
@option("--chkdsk-at-boot", is_flag=True, help="Have Windows check the volume at its next boot.")
@option(
    "--enable",
    multiple=True,
    metavar="PROVIDER",
    shell_complete=_provider,
    help="Run a provider that is off by default. Repeatable.",
)
@option(
    "--disable",
    multiple=True,
    metavar="PROVIDER",
    shell_complete=_provider,
    help="Don't run this provider. Repeatable.",
)
@option(
    "--sid",
    type=click.Choice(WHEN),
    default=WHEN[0],
    help="Choose when the machine gets its new SID: pending, at its first boot (default); new, now; "
    "both, now and again in each copy at its first boot.",
)
@option("--sid-now", is_flag=True, hidden=True, help="The same as --sid new.")
@option(
    "--all-volumes",
    is_flag=True,
    help="Also change other volumes beyond profiles of this Windows: permissions, page files.",
)
@option("--rearm", is_flag=True, help="Rearm activation at the first boot.")
@option("--remove-drivers", is_flag=True, help="Remove third-party driver packages, too.")
@drivers_option
@option(
    "--mode",
    metavar="vm",
    shell_complete=among("vm"),
    help="vm: keep the devices, for an image that stays on the same hypervisor.",
)
@option("--strict", is_flag=True, help="Refuse images with third-party Sysprep providers.")
@force_option(more=_may_be_forced)
@answer_file_options
@option(
    "--locate-boot-devices",
    is_flag=True,
    help="Have the boot manager search for Windows, for a volume that moves to another disk.",
)
@option(
    "--save-identity",
    type=PATH,
    metavar="FILE.json",
    help="Save the old identity for reseal verify --identity.",
)
@shares(*CHANGING, *REHEARSING, "delete_snapshots")
def generalize(
    image: Path, oobe: bool, audit: bool, steps: list[tuple[str, ...]], run: Run, **options: Any
) -> None:
    """Remove what is known to identify the machine, and arm the next boot.

    reseal changes the image completely or not at all: in place, or into --output. The next boot goes
    where --oobe or --audit says; otherwise where the answer file says (Mode in Reseal or Generalize);
    otherwise to OOBE. --force unattend accepts an answer file with errors.
    """
    target = one_of(oobe=oobe, audit=audit)
    request = GeneralizeRequest(target=target, steps=tuple(steps), **options)
    run.change(image, Generalize(request), generalization.lines)
