r"""`reseal reg`: look into registry hives and change them."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from reseal.cli import console
from reseal.cli.options import ReportFiles
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

    from reseal.regf import Hive

app = typer.Typer(no_args_is_help=True, help="Look into registry hives and change them.")

Target = Annotated[Path, typer.Argument(help="A hive file, or an image.", show_default=False)]
KeyPath = Annotated[
    str, typer.Argument(help="A key: below the hive's root, or full (HKLM\\SYSTEM\\…) in an image.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Backup = Annotated[bool, typer.Option("--backup", help="Keep the old hive as NAME.bak.")]
IgnoreLogs = Annotated[
    bool, typer.Option("--ignore-logs", help="Open a dirty hive as it stands, without its logs.")
]
Prefix = Annotated[
    str | None,
    typer.Option(help="Full path of the hive's root, by default told from the file's name."),
]


#: Which Windows of an image; an option of the whole command.
_volume: ContextVar[str | None] = ContextVar("volume", default=None)


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

    def commit(self, command: str, *, backup: bool, reports: list[Path] | None) -> bool:
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

    def commit(self, command: str, *, backup: bool, reports: list[Path] | None) -> bool:
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
        return ImageHives(target, _volume.get(), ignore_logs=ignore_logs)
    return _OneHive(target, prefix, ignore_logs=ignore_logs)


@app.callback()
def _reg(
    volume: Annotated[
        str | None, typer.Option(metavar="N", help="Which Windows, where an image holds several.")
    ] = None,
) -> None:
    _volume.set(volume)


def _key(registry: Registry, path: str) -> Key:
    hive, below, _ = registry.places(path)[0]
    key = hive.key(below)
    if key is None:
        msg = f"{hive.name} has no key {shown(path)}."
        raise UsageError(msg)
    return key


@app.command()
def query(
    target: Target,
    path: KeyPath = "",
    *,
    value: Annotated[str | None, typer.Option(help='Only this value; "" is the default.')] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="All below, too.")] = False,
    as_json: AsJson = False,
    ignore_logs: IgnoreLogs = False,
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
            typer.echo(data_text(found.type, found.data))
        return
    keys = [key]
    if recursive:
        walk = Reader(key.hive.cells).walk(key.offset)
        keys = [Key(key.hive, offset) for _, offset, _ in walk]
    if as_json:
        print_json([key_json(each) for each in keys] if recursive else key_json(key))
        return
    for each in keys:
        typer.echo(f"[{shown(each.path)}]")
        for line in map(value_text, each.values()):
            typer.echo(line)
        if not recursive:
            for child in each.subkeys():
                typer.echo(f"    {shown(child.name)}\\")


def _done(
    registry: Registry,
    hive: Hive,
    command: str,
    *,
    backup: bool,
    as_json: bool,
    reports: list[Path] | None,
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
        typer.echo(f"{hive.name}: {hive.recovery.entries_applied} log entries were applied.")
    typer.echo(f"{hive.name}: {'written' if changed else 'nothing to change'}.")


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


def _parsed(number: int, data: list[str]) -> bytes:
    """Return the data that the arguments of `set` stand for."""
    if number == types.REG_MULTI_SZ:
        return types.encode(number, data)
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


@app.command("set")
def set_value(
    target: Target,
    path: KeyPath,
    *,
    name: Annotated[str | None, typer.Argument(help='The value; "" is the default value.')] = None,
    data: Annotated[
        list[str] | None, typer.Argument(help="Text, number, hex bytes, or several texts.")
    ] = None,
    kind: Annotated[str, typer.Option("--type", "-t", help="REG_SZ, REG_DWORD, …")] = "REG_SZ",
    backup: Backup = False,
    as_json: AsJson = False,
    report_files: ReportFiles = None,
) -> None:
    """Set a value, and make its key where it is missing; without a value only the key."""
    console.check_reports(report_files)
    registry = open_target(target)
    number = _type_number(kind)
    content = _parsed(number, data or [])
    for hive, below, _ in registry.places(path):
        key = hive.root.create(below)
        if name is not None:
            key.set(name, number, content)
    _done(registry, hive, "set", backup=backup, as_json=as_json, reports=report_files)


@app.command()
def delete(
    target: Target,
    path: KeyPath,
    value: Annotated[str | None, typer.Option(help="Only this value of the key.")] = None,
    backup: Backup = False,
    as_json: AsJson = False,
    report_files: ReportFiles = None,
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


@app.command()
def rename(
    target: Target,
    path: KeyPath,
    new_name: Annotated[str, typer.Argument(help="The new name, without a path.")],
    backup: Backup = False,
    as_json: AsJson = False,
    report_files: ReportFiles = None,
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
        output.write_bytes(b"".join(pieces))
    except OSError as error:
        msg = f"{output} can't be written: {error.strerror}."
        raise UsageError(msg) from error


@app.command()
def export(
    target: Target,
    path: KeyPath = "",
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file in place of standard output.")
    ] = None,
    version: Annotated[int, typer.Option(min=4, max=5, help="Of the .reg format.")] = 5,
    prefix: Prefix = None,
    ignore_logs: IgnoreLogs = False,
) -> None:
    """Write a key and all below it as a .reg file."""
    registry = open_target(target, prefix=prefix, ignore_logs=ignore_logs)
    root = registry.places(path)[0][2]
    key = _key(registry, path)
    skipped: list[str] = []
    _write_reg(exchange.sections(key, root, skipped.append), output, version)
    for each in skipped:
        typer.echo(f"Left out, since a .reg file can't hold its name: {shown(each)}", err=True)


@app.command("import")
def import_reg(
    target: Target,
    file: Annotated[Path, typer.Argument(help="A .reg file, version 4 or 5.")],
    prefix: Prefix = None,
    backup: Backup = False,
    as_json: AsJson = False,
    report_files: ReportFiles = None,
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


@app.command("diff")
def compare(
    target: Target,
    other: Annotated[Path, typer.Argument(help="The hive to compare it with.")],
    path: KeyPath = "",
    *,
    as_reg: Annotated[
        bool, typer.Option("--reg", help="Print a .reg file that turns TARGET into OTHER.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="For --reg.")] = None,
    prefix: Prefix = None,
    as_json: AsJson = False,
    ignore_logs: IgnoreLogs = False,
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
            typer.echo(difference_text(each))


@app.command()
def verify(
    target: Target, path: KeyPath = "", as_json: AsJson = False, ignore_logs: IgnoreLogs = False
) -> None:
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
            typer.echo(f"0x{each.offset:x} [{shown(each.path or '')}] {shown(each.message)}")
        typer.echo(f"{hive.name}: {len(violations) or 'no'} violations.")
    if violations:
        raise typer.Exit(RegfError.exit_code)


@app.command("compact")
def compact_hive(target: Target, backup: Backup = False, as_json: AsJson = False) -> None:
    """Rewrite a hive tightly, without free space."""
    file = HiveFile(target)
    before = len(file.hive.cells.data)
    data = compact.compact(file.hive).to_bytes()
    file.replace(data, backup=backup)
    if as_json:
        print_json({"before": before, "after": len(data)})
    else:
        typer.echo(f"{file.hive.name}: {before} bytes before, {len(data)} after.")
