"""`reseal bcd`: show and change boot configuration data, of an image or in a store's own file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from reseal.cli import console
from reseal.cli.help import Group, argument
from reseal.cli.options import PATH, among, option
from reseal.cli.run import Run, shares
from reseal.operations import bcd as operation
from reseal.report import boot_configuration as report

_target = argument("target", type=PATH, help="A disk image, or a store (a file named BCD).")
_identifier = argument(
    "identifier", metavar="ID", help="The object, such as {default}, {bootmgr} or {GUID}."
)
_element = argument("element", help="The element, such as device or custom:26000010.")
_store_option = option(
    "--store",
    "which",
    metavar="N|uefi|bios",
    shell_complete=among("uefi", "bios"),
    help="Choose a store by its volume or firmware, if there are several.",
)
_CHANGING = (
    *("output", "thin", "dry_run", "in_place", "scratch", "discard_hibernation", "allow_backing"),
    *("as_json", "report_files"),
)


@click.group(cls=Group)
def bcd() -> None:
    """Show and change boot configuration data, as bcdedit does."""


@bcd.command("show")
@_target
@option("--all", "everything", is_flag=True, help="Show every object, not only the boot menu.")
@shares("allow_backing", "as_json")
def show(target: Path, everything: bool, run: Run) -> None:
    """List boot entries as `bcdedit /enum` does. Partitions appear by their number in the image."""
    backing = run.writing.allow_backing
    found = operation.show(target, everything=everything, plain=run.as_json, allow_backing=backing)
    run.show(found, report.lines(found))


@bcd.command("set")
@_target
@_identifier
@_element
@argument(
    "value",
    help="yes, no, a number, a name such as OptIn, text, objects, or a device: boot, "
    r"partition=N, locate, locate=\path, file=[N]\path, ramdisk=[N]\path,{options}, "
    r"vhd=[N]\path.",
)
@_store_option
@shares(*_CHANGING)
def set_element(
    target: Path, identifier: str, element: str, value: str, which: str | None, run: Run
) -> None:
    """Set an element of an object, as `bcdedit /set` does."""
    writing = replace(run.writing, volume=which)
    _changed("bcd set", operation.set_element(target, identifier, element, value, writing), run)


@bcd.command("delete")
@_target
@_identifier
@_element
@_store_option
@shares(*_CHANGING)
def delete(target: Path, identifier: str, element: str, which: str | None, run: Run) -> None:
    """Delete an element of an object, as `bcdedit /deletevalue` does."""
    writing = replace(run.writing, volume=which)
    _changed("bcd delete", operation.delete_element(target, identifier, element, writing), run)


def _changed(command: str, done: dict[str, Any], run: Run) -> None:
    console.keep(operation.record(command, done, dry_run=run.dry_run), run.report_files)
    run.show(done, report.changed(done, dry_run=run.dry_run))
