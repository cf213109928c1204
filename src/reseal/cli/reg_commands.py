"""The commands of `reseal reg`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from reseal.cli import console, terminal
from reseal.cli.console import print_json
from reseal.cli.help import Command, argument
from reseal.cli.keys import read_keys
from reseal.cli.options import PATH, among, option, text_output_option
from reseal.cli.reg import keys_of_group, reg, volume_of_group
from reseal.cli.reg_image import ImageHives, OneHive, Registry, in_worker, is_image
from reseal.cli.reg_output import (
    data_text,
    difference_json,
    difference_text,
    key_json,
    print_reg,
    reg_file,
    shown,
    typed_json,
    value_text,
)
from reseal.cli.run import CHANGING, LOOKING, Run, shares
from reseal.errors import UsageError
from reseal.hostfile import read_regular
from reseal.operations.operation import Writing
from reseal.regf import Hive, Key, RegfError, compact, diff, exchange, regfile, types
from reseal.regf.reader import Reader
from reseal.report.outcome import some

#: What commands share that change hives.
_CHANGING = tuple(name for name in CHANGING if name not in {"quiet", "verbose"})
_KEY = "A key: below the hive's root, or full (HKLM\\SYSTEM\\…) in an image."

_target = argument("target", type=PATH, help="A hive file, or an image.")
_key_path = argument("path", help=_KEY)
_optional_key_path = argument("path", default="", help=_KEY)
_backup_option = option("--backup", is_flag=True, help="Keep the old hive file as NAME.bak.")
_ignore_logs_option = option(
    "--ignore-logs", is_flag=True, help="Open a dirty hive without its logs."
)
_prefix_option = option(
    "--prefix", help="Set the full path of the hive's root (default: from the file name)."
)


class _OfKey(Command):
    """A command that needs a key; without one it names the hives of an image."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line."""
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            target = ctx.params.get("target")
            of_path = error.param is not None and error.param.name == "path"
            if not of_path or target is None or not is_image(target):
                raise
            with console.errors(as_json=False):
                hives = ", ".join(ImageHives(target, Writing(), ignore_logs=False).hives())
            msg = f"{error.format_message()} {target} has the hives {hives}."
            raise click.UsageError(msg, ctx) from None


def open_target(
    target: Path, run: Run, *, prefix: str | None = None, ignore_logs: bool = False
) -> Registry:
    """Open TARGET.

    Args:
        target: a hive file, or an image.
        run: how to open an image, and where the result goes.
        prefix: the full path of a hive file's root; None to tell it from the file's name.
        ignore_logs: whether a dirty hive is opened without its logs.

    Raises:
        UsageError: an option does not apply to TARGET.
    """
    writing = run.writing
    if (volume := volume_of_group.get()) and not writing.volume:
        writing = replace(writing, volume=volume)
    if keys := keys_of_group.get():
        writing = replace(writing, keys=read_keys(keys))
    if is_image(target):
        return ImageHives(target, writing, ignore_logs=ignore_logs)
    return OneHive(target, prefix, writing, ignore_logs=ignore_logs)


def _key(registry: Registry, path: str) -> Key:
    hive, below, _ = registry.places(path)[0]
    key = hive.key(below)
    if key is None:
        raise UsageError(f"{hive.name} has no key {shown(path)}.", _nearest(hive, below))
    return key


def _nearest(hive: Hive, path: str) -> str:
    """Return a hint with the subkeys of the nearest key above one that is missing."""
    above = path
    while above and hive.key(above) is None:
        above = above.rpartition("\\")[0]
    key = hive.key(above)
    names = [shown(one.name) for one in key.subkeys()] if key else []
    where = shown(above) if above else "Its root"
    return f"{where} has {some(names)}." if names else f"{where} has no subkeys."


@reg.command("query")
@_target
@_optional_key_path
@option("--value", help='Print only this value; "" is the default value.')
@option("--recursive", "-r", is_flag=True, help="Print everything below, too.")
@_ignore_logs_option
@shares(*LOOKING)
def query(
    target: Path,
    path: str,
    value: str | None,
    recursive: bool,
    ignore_logs: bool,
    run: Run,
) -> None:
    """Print the values and subkeys of a key."""
    registry = open_target(target, run, ignore_logs=ignore_logs)
    if isinstance(registry, ImageHives) and value is None and "\\" not in path.strip("\\"):
        _list_hives(registry, path.strip("\\"), as_json=run.as_json)
        return
    registry.read([path])

    def show() -> None:
        key = _key(registry, path)
        if value is not None:
            found = key.value(value)
            if found is None:
                msg = f"{shown(key.path)} has no value {shown(value)!r}."
                raise UsageError(msg)
            if run.as_json:
                print_json({"name": found.name, **typed_json(found.type, found.data)})
            else:
                click.echo(data_text(found.type, found.data))
            return
        keys = [key]
        if recursive:
            walk = Reader(key.hive.cells).walk(key.offset)
            keys = [Key(key.hive, offset) for _, offset, _ in walk]
        if run.as_json:
            print_json([key_json(each) for each in keys] if recursive else key_json(key))
            return
        for each in keys:
            click.echo(f"[{shown(each.path)}]")
            for line in map(value_text, each.values()):
                click.echo(line)
            if not recursive:
                for child in each.subkeys():
                    click.echo(f"    {shown(child.name)}\\")

    in_worker([registry], show)


def _list_hives(registry: ImageHives, root: str, *, as_json: bool) -> None:
    """Print the hives of an image, or those below a root key."""
    wanted = regfile.full_root(root).upper()
    found = {
        path: file
        for path, file in registry.hives().items()
        if path.upper().startswith(f"{wanted}\\") or not root
    }
    if not found:
        registry.read([root])  # refuses it
    if as_json:
        print_json({"hives": [{"path": path, "file": file} for path, file in found.items()]})
        return
    width = max(map(len, found))
    console.print_lines(f"{path:<{width}}  {file}" for path, file in found.items())


def _change(
    registry: Registry, edit: Callable[[], Hive], command: str, run: Run, *, backup: bool
) -> None:
    """Edit hives in a worker, write them, and print what was done to the one that `edit` returns."""

    def edited() -> dict[str, object]:
        hive = edit()
        recovery = hive.recovery
        return {
            "name": hive.name,
            "dirty": recovery.dirty,
            "log_entries_applied": recovery.entries_applied,
            "notes": list(recovery.notes),
        }

    record = in_worker([registry], edited)
    name = terminal.safe(str(record.pop("name")))
    changed = registry.commit(f"reg {command}", run, backup=backup)
    if run.as_json:
        print_json({"changed": changed, **record})
        return
    if record["log_entries_applied"]:
        click.echo(f"{name}: {record['log_entries_applied']} log entries applied.")
    done = "would change" if run.dry_run else "written"
    click.echo(f"{name}: {done if changed else 'nothing to change'}.")


def _type_number(name: str) -> int:
    wanted = name.upper()
    for number, known in types.NAMES.items():
        if wanted in (known, known.removeprefix("REG_")):
            return number
    try:
        return int(name, 0) & 0xFFFFFFFF
    except ValueError:
        msg = f"{name} is not a type of value: use REG_SZ, REG_DWORD and so on, or a number."
        raise UsageError(msg) from None


def _parsed(number: int, data: tuple[str, ...]) -> bytes:
    """Return the data that the arguments of `set` describe."""
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


@reg.command("set", cls=_OfKey)
@_target
@_key_path
@argument("name", required=False, help='The value; "" is the default value.')
@argument("data", nargs=-1, help="Text, number, hex bytes, or several texts.")
@option(
    "--type",
    "-t",
    "kind",
    default="REG_SZ",
    show_default=True,
    shell_complete=among(*types.NAMES.values()),
    help="Choose the type: REG_SZ, REG_DWORD, …",
)
@_backup_option
@shares(*_CHANGING)
def set_value(
    target: Path,
    path: str,
    name: str | None,
    data: tuple[str, ...],
    kind: str,
    backup: bool,
    run: Run,
) -> None:
    """Set a value and create its key as needed; without a value create only the key."""
    registry = open_target(target, run)
    number = _type_number(kind)
    content = _parsed(number, data)
    registry.read([path])

    def edit() -> Hive:
        for hive, below, _ in registry.places(path):
            key = hive.root.create(below)
            if name is not None:
                key.set(name, number, content)
        return hive

    _change(registry, edit, "set", run, backup=backup)


@reg.command("delete", cls=_OfKey)
@_target
@_key_path
@option("--value", help="Delete only this value of the key.")
@_backup_option
@shares(*_CHANGING)
def delete(
    target: Path,
    path: str,
    value: str | None,
    backup: bool,
    run: Run,
) -> None:
    """Delete a key with everything below it, or one value."""
    registry = open_target(target, run)
    registry.read([path])

    def edit() -> Hive:
        hive = _key(registry, path).hive
        found = [key for one, below, _ in registry.places(path) if (key := one.key(below))]
        # Not any(): in every control set.
        done = [key.delete() if value is None else key.unset(value) for key in found]
        if value is not None and not any(done):
            msg = f"{shown(path)} has no value {shown(value)!r}."
            raise UsageError(msg)
        return hive

    _change(registry, edit, "delete", run, backup=backup)


@reg.command("rename", cls=_OfKey)
@_target
@_key_path
@argument("new_name", help="The new name, without a path.")
@_backup_option
@shares(*_CHANGING)
def rename(
    target: Path,
    path: str,
    new_name: str,
    backup: bool,
    run: Run,
) -> None:
    """Rename a key."""
    registry = open_target(target, run)
    registry.read([path])

    def edit() -> Hive:
        hive = _key(registry, path).hive
        for one, below, _ in registry.places(path):
            key = one.key(below)
            if key is not None:
                key.rename(new_name)
        return hive

    _change(registry, edit, "rename", run, backup=backup)


@reg.command("export")
@_target
@_optional_key_path
@text_output_option
@option(
    "--reg-version",
    "version",
    former=("--version",),
    type=click.IntRange(min=4, max=5),
    default=5,
    show_default=True,
    metavar="NUMBER",
    help="Choose the version of the .reg format.",
)
@_prefix_option
@_ignore_logs_option
@shares(*(name for name in LOOKING if name != "as_json"))
def export(
    target: Path,
    path: str,
    output: Path | None,
    version: int,
    prefix: str | None,
    ignore_logs: bool,
    run: Run,
) -> None:
    """Write a key and all below it as a .reg file."""
    registry = open_target(target, run, prefix=prefix, ignore_logs=ignore_logs)
    registry.read([path])

    def write() -> None:
        root = regfile.full_root(registry.places(path)[0][2])
        key = _key(registry, path)
        skipped: list[str] = []
        print_reg(exchange.sections(key, root, skipped.append), version)
        for each in skipped:
            click.echo(f"Skipped, since a .reg file can't hold its name: {shown(each)}", err=True)

    with reg_file(output) as take:
        in_worker([registry], write, take)


@reg.command("import")
@_target
@argument("file", type=PATH, help="A .reg file, version 4 or 5.")
@_prefix_option
@_backup_option
@shares(*_CHANGING)
def import_reg(
    target: Path,
    file: Path,
    prefix: str | None,
    backup: bool,
    run: Run,
) -> None:
    """Apply a .reg file."""
    registry = open_target(target, run, prefix=prefix)
    try:
        sections = regfile.parse(read_regular(file))
    except OSError as error:
        msg = f"{file} can't be read: {error.strerror}."
        raise UsageError(msg) from error
    registry.read(regfile.full_root(one.path) for one in sections)
    _change(registry, lambda: registry.apply(sections), "import", run, backup=backup)


@reg.command("diff")
@_target
@argument("other", type=PATH, help="The hive to compare it with.")
@_optional_key_path
@option("--reg", "as_reg", is_flag=True, help="Write a .reg file that turns TARGET into OTHER.")
@text_output_option
@_prefix_option
@_ignore_logs_option
@shares(*LOOKING)
def compare(
    target: Path,
    other: Path,
    path: str,
    as_reg: bool,
    output: Path | None,
    prefix: str | None,
    ignore_logs: bool,
    run: Run,
) -> None:
    """Compare two hives, or the same key in both."""
    one = open_target(target, run, prefix=prefix, ignore_logs=ignore_logs)
    two = open_target(other, run, prefix=prefix, ignore_logs=ignore_logs)
    for each in (one, two):
        each.read([path])

    def show() -> None:
        found = list(diff.diff(_key(one, path), _key(two, path)))
        if as_reg:
            _, below, root = one.places(path)[0]
            top = regfile.full_root(f"{root}\\{below}" if below else root)
            print_reg(diff.to_sections(found, top), 5)
        elif run.as_json:
            print_json([difference_json(each) for each in found])
        else:
            for each in found:
                click.echo(difference_text(each))

    with reg_file(output if as_reg else None) as take:
        in_worker([one, two], show, take)


@reg.command("verify")
@_target
@_optional_key_path
@_ignore_logs_option
@shares(*LOOKING)
def verify(target: Path, path: str, ignore_logs: bool, run: Run) -> None:
    """Check the structure of a hive against the rules of Windows, or of every hive of an image.

    Exit code 4 if one is damaged.
    """
    registry = open_target(target, run, ignore_logs=ignore_logs)
    paths = [path]
    if isinstance(registry, ImageHives) and not path:
        paths = list(registry.hives())
    registry.read(paths)

    def show() -> bool:
        hives = [registry.places(each)[0][0] for each in paths]
        found = [(hive, violation) for hive in hives for violation in hive.verify()]
        if run.as_json:
            print_json(
                [
                    {
                        "hive": hive.name,
                        "offset": each.offset,
                        "path": each.path,
                        "message": each.message,
                    }
                    for hive, each in found
                ]
            )
            return bool(found)
        for hive in hives:
            violations = [each for one, each in found if one is hive]
            for each in violations:
                click.echo(f"0x{each.offset:x} [{shown(each.path or '')}] {shown(each.message)}")
            click.echo(f"{hive.name}: {len(violations) or 'no'} violations.")
        return bool(found)

    if in_worker([registry], show):
        raise SystemExit(RegfError.exit_code)


@reg.command("compact")
@_target
@_backup_option
@shares("dry_run", "as_json")
def compact_hive(target: Path, backup: bool, run: Run) -> None:
    """Rewrite a hive file without free space."""
    registry = OneHive(target, None, Writing())
    (held,) = registry.held

    def rewrite() -> int:
        held.new = compact.compact(held.hive).to_bytes()
        return len(held.hive.cells.data)

    before = in_worker([registry], rewrite)
    assert held.new is not None
    if not run.dry_run:
        registry.file.replace(held.new, backup=backup)
    if run.as_json:
        print_json({"before": before, "after": len(held.new)})
    else:
        click.echo(f"{target.name}: {before} bytes before, {len(held.new)} after.")
