"""`reseal bcd`: the boot configuration data of an image, or of a store in a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from reseal.cli import console
from reseal.cli.help import Group, argument
from reseal.cli.options import PATH, among
from reseal.cli.run import Run, shares
from reseal.operations import bcd as operation
from reseal.report import boot_configuration as report

if TYPE_CHECKING:
    from pathlib import Path

_target = argument("target", type=PATH, help="A disk image, or a store (a file named BCD).")
_identifier = argument(
    "identifier", metavar="ID", help="The object, such as {default}, {bootmgr} or {GUID}."
)
_element = argument("element", help="The element, such as device or custom:26000010.")
_store_option = click.option(
    "--store",
    "which",
    metavar="N|uefi|bios",
    shell_complete=among("uefi", "bios"),
    help="Which store, where the image has several: its volume, or its firmware.",
)


@click.group(cls=Group)
def bcd() -> None:
    """Show and change boot configuration data, as bcdedit does."""


@bcd.command("show")
@_target
@click.option(
    "--all", "everything", is_flag=True, help="Show every object, not only what the menu shows."
)
@shares("as_json", "allow_backing")
def show(target: Path, everything: bool, run: Run) -> None:
    """List boot entries as `bcdedit /enum` does. Partitions have their number in the image."""
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
@shares("output", "dry_run", "as_json", "allow_backing", "report_files")
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
@shares("output", "dry_run", "as_json", "allow_backing", "report_files")
def delete(target: Path, identifier: str, element: str, which: str | None, run: Run) -> None:
    """Delete an element of an object, as `bcdedit /deletevalue` does."""
    writing = replace(run.writing, volume=which)
    _changed("bcd delete", operation.delete_element(target, identifier, element, writing), run)


def _changed(command: str, done: dict[str, Any], run: Run) -> None:
    console.keep(operation.record(command, done, dry_run=run.dry_run), run.report_files)
    run.show(done, report.changed(done, dry_run=run.dry_run))
