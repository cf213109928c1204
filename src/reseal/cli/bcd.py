"""`reseal bcd`: the boot configuration data of an image, or of a store in a file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from reseal.cli import console
from reseal.cli.help import Group, argument
from reseal.cli.options import (
    PATH,
    allow_backing_option,
    among,
    dry_run_option,
    json_option,
    output_option,
    report_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reseal.bcd import Store
    from reseal.bcd.notation import Places
    from reseal.run.boot import StoreJob

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
@json_option
@allow_backing_option
def show(target: Path, everything: bool, as_json: bool, allow_backing: bool) -> None:
    """List boot entries as `bcdedit /enum` does. Partitions have their number in the image."""
    from reseal.bcd import listing, to_json  # noqa: PLC0415  --help needs no engines
    from reseal.run import boot  # noqa: PLC0415

    def look(store: Store, places: Places) -> dict[str, Any]:
        if as_json:
            return {"objects": to_json(store, everything=everything, places=places)}
        return {"lines": list(listing(store, everything=everything, places=places))}

    with console.errors(as_json=as_json):
        record = boot.read(target, look, allow_backing=allow_backing)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(_lines(record))


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
@output_option
@_store_option
@dry_run_option
@json_option
@allow_backing_option
@report_option
def set_element(
    target: Path,
    identifier: str,
    element: str,
    value: str,
    output: Path | None,
    which: str | None,
    dry_run: bool,
    as_json: bool,
    allow_backing: bool,
    report_files: tuple[Path, ...],
) -> None:
    """Set an element of an object, as `bcdedit /set` does."""
    from reseal.bcd import set_element as edit  # noqa: PLC0415

    job = partial(edit, identifier=identifier, element=element, value=value)
    _change("bcd set", target, job, output, which, dry_run, as_json, allow_backing, report_files)


@bcd.command("delete")
@_target
@_identifier
@_element
@output_option
@_store_option
@dry_run_option
@json_option
@allow_backing_option
@report_option
def delete(
    target: Path,
    identifier: str,
    element: str,
    output: Path | None,
    which: str | None,
    dry_run: bool,
    as_json: bool,
    allow_backing: bool,
    report_files: tuple[Path, ...],
) -> None:
    """Delete an element of an object, as `bcdedit /deletevalue` does."""
    from reseal.bcd import delete_element as edit  # noqa: PLC0415

    job = partial(edit, identifier=identifier, element=element)
    _change("bcd delete", target, job, output, which, dry_run, as_json, allow_backing, report_files)


def _change(
    command: str,
    target: Path,
    job: StoreJob,
    output: Path | None,
    which: str | None,
    dry_run: bool,
    as_json: bool,
    allow_backing: bool,
    report_files: tuple[Path, ...],
) -> None:
    from reseal.errors import UsageError  # noqa: PLC0415
    from reseal.report import boot_configuration  # noqa: PLC0415
    from reseal.run import RunOptions, boot  # noqa: PLC0415

    with console.errors(as_json=as_json):
        if dry_run and output:
            msg = "--dry-run writes nothing, so it takes no --output."
            raise UsageError(msg, "Leave one of them out.")
        options = RunOptions(
            volume=which, output=output, dry_run=dry_run, allow_backing=allow_backing
        )
        console.check_reports(report_files)
        record = boot.change(target, job, options)
        if report_files:
            kept = boot_configuration.record(command, record, dry_run=dry_run)
            console.keep(kept, report_files)
        if as_json:
            console.print_json(record)
        else:
            console.print_lines(_changed(record, dry_run=dry_run))


def _lines(record: dict[str, Any]) -> Iterator[str]:
    several = len(record["stores"]) > 1
    for index, one in enumerate(record["stores"]):
        if several:
            yield f"{one['path']} on volume {one['volume']} ({one['file_system']})"
        yield from one["lines"][not several and not index :]
        if several:
            yield ""


def _changed(record: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    name = f"{record['object']} {record['element']}"
    before, after = (
        ", ".join(lines) if lines is not None else "absent"
        for lines in (record["before"], record["after"])
    )
    if not record["changed"]:
        yield f"{name} is {before} already; nothing was changed."
    else:
        yield f"{name}: {before} -> {after}{' (dry run: nothing was written)' if dry_run else ''}"
