"""The commands of `reseal reg`."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, Protocol

import click

from reseal.cli import console
from reseal.cli.help import argument
from reseal.cli.keys import read_keys
from reseal.cli.options import PATH, among, json_option, report_option
from reseal.cli.reg import keys_of_image, reg, volume_of_image
from reseal.cli.reg_image import ImageHives, is_image
from reseal.cli.reg_output import (
    data_text,
    difference_json,
    difference_text,
    key_json,
    print_json,
    shown,
    typed_json,
    value_text,
)
from reseal.errors import UsageError
from reseal.regf import Key, RegfError, compact, diff, exchange, regfile, types
from reseal.regf.file import HiveFile
from reseal.regf.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reseal.regf import Hive

_KEY = "A key: below the hive's root, or full (HKLM\\SYSTEM\\…) in an image."

_target = argument("target", type=PATH, help="A hive file, or an image.")
_key_path = argument("path", help=_KEY)
_optional_key_path = argument("path", default="", help=_KEY)
_backup_option = click.option("--backup", is_flag=True, help="Keep the old hive as NAME.bak.")
_ignore_logs_option = click.option(
    "--ignore-logs", is_flag=True, help="Open a dirty hive as it stands, without its logs."
)
_prefix_option = click.option(
    "--prefix", help="Full path of the hive's root, by default told from the file's name."
)


class Registry(Protocol):
    """What TARGET stands for: one hive, or all hives of an image."""

    def places(self, path: str) -> list[tuple[Hive, str, str]]:
        """Return where a path lies: hive, path in it, full path of its root; one place at least.

        In an image, `CurrentControlSet` lies in every control set that Select names.
        """
        ...

    def apply(self, sections: list[regfile.Section]) -> Hive:
        """Do what the sections of a .reg file say; return a hive that was changed."""
        ...

    def commit(self, command: str, *, backup: bool, reports: tuple[Path, ...]) -> bool:
        """Write back what changed, and keep the record; return whether anything changed."""
        ...


class _OneHive:
    def __init__(self, path: Path, prefix: str | None, *, ignore_logs: bool) -> None:
        self.file = HiveFile(path, ignore_logs=ignore_logs)
        self._prefix = prefix or exchange.mount_point(path.name)

    def places(self, path: str) -> list[tuple[Hive, str, str]]:
        below = exchange.relative(path, self._prefix) if path.upper().startswith("HK") else None
        return [(self.file.hive, path if below is None else below, self._prefix)]

    def apply(self, sections: list[regfile.Section]) -> Hive:
        exchange.apply(self.file.hive.root, sections, self._prefix)
        return self.file.hive

    def commit(self, command: str, *, backup: bool, reports: tuple[Path, ...]) -> bool:
        if reports:
            msg = f"{self.file.hive.name} is a hive file, and `reseal {command}` reports on images only."
            raise UsageError(
                msg, "Keep the old file with --backup; `reseal reg diff` compares both."
            )
        changed = self.file.hive.changed
        self.file.save(backup=backup)
        return changed


def open_target(target: Path, *, prefix: str | None = None, ignore_logs: bool = False) -> Registry:
    """Open what a command works on."""
    if is_image(target):
        keys = read_keys(keys_of_image.get())
        return ImageHives(target, volume_of_image.get(), keys, ignore_logs=ignore_logs)
    return _OneHive(target, prefix, ignore_logs=ignore_logs)


def _key(registry: Registry, path: str) -> Key:
    hive, below, _ = registry.places(path)[0]
    key = hive.key(below)
    if key is None:
        msg = f"{hive.name} has no key {shown(path)}."
        raise UsageError(msg)
    return key


@reg.command("query")
@_target
@_optional_key_path
@click.option("--value", help='Only this value; "" is the default.')
@click.option("--recursive", "-r", is_flag=True, help="All below, too.")
@json_option
@_ignore_logs_option
def query(
    target: Path,
    path: str,
    value: str | None,
    recursive: bool,
    as_json: bool,
    ignore_logs: bool,
) -> None:
    """Print the values and subkeys of a key."""
    key = _key(open_target(target, ignore_logs=ignore_logs), path)
    if value is not None:
        found = key.value(value)
        if found is None:
            msg = f"{shown(key.path)} has no value {shown(value)!r}."
            raise UsageError(msg)
        if as_json:
            print_json({"name": found.name, **typed_json(found.type, found.data)})
        else:
            click.echo(data_text(found.type, found.data))
        return
    keys = [key]
    if recursive:
        walk = Reader(key.hive.cells).walk(key.offset)
        keys = [Key(key.hive, offset) for _, offset, _ in walk]
    if as_json:
        print_json([key_json(each) for each in keys] if recursive else key_json(key))
        return
    for each in keys:
        click.echo(f"[{shown(each.path)}]")
        for line in map(value_text, each.values()):
            click.echo(line)
        if not recursive:
            for child in each.subkeys():
                click.echo(f"    {shown(child.name)}\\")


def _done(
    registry: Registry,
    hive: Hive,
    command: str,
    *,
    backup: bool,
    as_json: bool,
    reports: tuple[Path, ...],
) -> None:
    changed = registry.commit(f"reg {command}", backup=backup, reports=reports)
    if as_json:
        recovery = hive.recovery
        print_json(
            {
                "changed": changed,
                "dirty": recovery.dirty,
                "log_entries_applied": recovery.entries_applied,
                "notes": list(recovery.notes),
            }
        )
        return
    if hive.recovery.entries_applied:
        click.echo(f"{hive.name}: {hive.recovery.entries_applied} log entries were applied.")
    click.echo(f"{hive.name}: {'written' if changed else 'nothing to change'}.")


def _type_number(name: str) -> int:
    wanted = name.upper()
    for number, known in types.NAMES.items():
        if wanted in (known, known.removeprefix("REG_")):
            return number
    try:
        return int(name, 0) & 0xFFFFFFFF
    except ValueError:
        msg = f"{name} is no type of a value: use REG_SZ, REG_DWORD and so on, or a number."
        raise UsageError(msg) from None


def _parsed(number: int, data: tuple[str, ...]) -> bytes:
    """Return the data that the arguments of `set` stand for."""
    if number == types.REG_MULTI_SZ:
        return types.encode(number, list(data))
    text = " ".join(data)
    try:
        if number in (types.REG_DWORD, types.REG_DWORD_BIG_ENDIAN, types.REG_QWORD):
            return types.encode(number, int(text, 0))
        if number in (types.REG_SZ, types.REG_EXPAND_SZ, types.REG_LINK):
            return types.encode(number, text)
        return bytes.fromhex(text)
    except ValueError as error:
        msg = f"{text!r} can't be the data of a value of type {types.name(number)}."
        raise UsageError(msg) from error


@reg.command("set")
@_target
@_key_path
@argument("name", required=False, help='The value; "" is the default value.')
@argument("data", nargs=-1, help="Text, number, hex bytes, or several texts.")
@click.option(
    "--type",
    "-t",
    "kind",
    default="REG_SZ",
    show_default=True,
    shell_complete=among(*types.NAMES.values()),
    help="REG_SZ, REG_DWORD, …",
)
@_backup_option
@json_option
@report_option
def set_value(
    target: Path,
    path: str,
    name: str | None,
    data: tuple[str, ...],
    kind: str,
    backup: bool,
    as_json: bool,
    report_files: tuple[Path, ...],
) -> None:
    """Set a value, and make its key where it is missing; without a value only the key."""
    console.check_reports(report_files)
    registry = open_target(target)
    number = _type_number(kind)
    content = _parsed(number, data)
    for hive, below, _ in registry.places(path):
        key = hive.root.create(below)
        if name is not None:
            key.set(name, number, content)
    _done(registry, hive, "set", backup=backup, as_json=as_json, reports=report_files)


@reg.command("delete")
@_target
@_key_path
@click.option("--value", help="Only this value of the key.")
@_backup_option
@json_option
@report_option
def delete(
    target: Path,
    path: str,
    value: str | None,
    backup: bool,
    as_json: bool,
    report_files: tuple[Path, ...],
) -> None:
    """Delete a key with everything below it, or one value."""
    console.check_reports(report_files)
    registry = open_target(target)
    hive = _key(registry, path).hive
    found = [key for one, below, _ in registry.places(path) if (key := one.key(below))]
    # Not any(): in every control set.
    done = [key.delete() if value is None else key.unset(value) for key in found]
    if value is not None and not any(done):
        msg = f"{shown(path)} has no value {shown(value)!r}."
        raise UsageError(msg)
    _done(registry, hive, "delete", backup=backup, as_json=as_json, reports=report_files)


@reg.command("rename")
@_target
@_key_path
@argument("new_name", help="The new name, without a path.")
@_backup_option
@json_option
@report_option
def rename(
    target: Path,
    path: str,
    new_name: str,
    backup: bool,
    as_json: bool,
    report_files: tuple[Path, ...],
) -> None:
    """Rename a key."""
    console.check_reports(report_files)
    registry = open_target(target)
    hive = _key(registry, path).hive
    for one, below, _ in registry.places(path):
        key = one.key(below)
        if key is not None:
            key.rename(new_name)
    _done(registry, hive, "rename", backup=backup, as_json=as_json, reports=report_files)


def _write_reg(sections: Iterator[regfile.Section], output: Path | None, version: int) -> None:
    pieces = regfile.write(sections, version)
    if output is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.flush()
        return
    try:
        # A key of SAM or SECURITY holds password hashes, so only the owner may read it.
        with open(output, "wb", opener=_private) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fchmod(file.fileno(), 0o600)
            file.writelines(pieces)
    except OSError as error:
        msg = f"{output} can't be written: {error.strerror}."
        raise UsageError(msg) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o600)


@reg.command("export")
@_target
@_optional_key_path
@click.option(
    "--output", "-o", type=PATH, metavar="FILE", help="A file in place of standard output."
)
@click.option(
    "--version",
    type=click.IntRange(min=4, max=5),
    default=5,
    show_default=True,
    metavar="NUMBER",
    help="Of the .reg format.",
)
@_prefix_option
@_ignore_logs_option
def export(
    target: Path,
    path: str,
    output: Path | None,
    version: int,
    prefix: str | None,
    ignore_logs: bool,
) -> None:
    """Write a key and all below it as a .reg file."""
    registry = open_target(target, prefix=prefix, ignore_logs=ignore_logs)
    root = registry.places(path)[0][2]
    key = _key(registry, path)
    skipped: list[str] = []
    _write_reg(exchange.sections(key, root, skipped.append), output, version)
    for each in skipped:
        click.echo(f"Left out, since a .reg file can't hold its name: {shown(each)}", err=True)


@reg.command("import")
@_target
@argument("file", type=PATH, help="A .reg file, version 4 or 5.")
@_prefix_option
@_backup_option
@json_option
@report_option
def import_reg(
    target: Path,
    file: Path,
    prefix: str | None,
    backup: bool,
    as_json: bool,
    report_files: tuple[Path, ...],
) -> None:
    """Do what a .reg file says."""
    console.check_reports(report_files)
    registry = open_target(target, prefix=prefix)
    try:
        sections = regfile.parse(file.read_bytes())
    except OSError as error:
        msg = f"{file} can't be read: {error.strerror}."
        raise UsageError(msg) from error
    hive = registry.apply(sections)
    _done(registry, hive, "import", backup=backup, as_json=as_json, reports=report_files)


@reg.command("diff")
@_target
@argument("other", type=PATH, help="The hive to compare it with.")
@_optional_key_path
@click.option(
    "--reg", "as_reg", is_flag=True, help="Print a .reg file that turns TARGET into OTHER."
)
@click.option("--output", "-o", type=PATH, metavar="FILE", help="For --reg.")
@_prefix_option
@json_option
@_ignore_logs_option
def compare(
    target: Path,
    other: Path,
    path: str,
    as_reg: bool,
    output: Path | None,
    prefix: str | None,
    as_json: bool,
    ignore_logs: bool,
) -> None:
    """Compare two hives, or the same key in both."""
    one = open_target(target, prefix=prefix, ignore_logs=ignore_logs)
    two = open_target(other, prefix=prefix, ignore_logs=ignore_logs)
    before, after = _key(one, path), _key(two, path)
    found = list(diff.diff(before, after))
    if as_reg:
        _, below, root = one.places(path)[0]
        top = f"{root}\\{below}" if below else root
        _write_reg(diff.to_sections(found, top), output, 5)
    elif as_json:
        print_json([difference_json(each) for each in found])
    else:
        for each in found:
            click.echo(difference_text(each))


@reg.command("verify")
@_target
@_optional_key_path
@json_option
@_ignore_logs_option
def verify(target: Path, path: str, as_json: bool, ignore_logs: bool) -> None:
    """Check the structure of a hive by the rules of Windows. Exit code 4 where it is damaged."""
    hive, _, _ = open_target(target, ignore_logs=ignore_logs).places(path)[0]
    violations = hive.verify()
    if as_json:
        print_json(
            [
                {"offset": each.offset, "path": each.path, "message": each.message}
                for each in violations
            ]
        )
    else:
        for each in violations:
            click.echo(f"0x{each.offset:x} [{shown(each.path or '')}] {shown(each.message)}")
        click.echo(f"{hive.name}: {len(violations) or 'no'} violations.")
    if violations:
        raise SystemExit(RegfError.exit_code)


@reg.command("compact")
@_target
@_backup_option
@json_option
def compact_hive(target: Path, backup: bool, as_json: bool) -> None:
    """Rewrite a hive tightly, without free space."""
    file = HiveFile(target)
    before = len(file.hive.cells.data)
    data = compact.compact(file.hive).to_bytes()
    file.replace(data, backup=backup)
    if as_json:
        print_json({"before": before, "after": len(data)})
    else:
        click.echo(f"{file.hive.name}: {before} bytes before, {len(data)} after.")
