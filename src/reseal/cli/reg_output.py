"""Keys, values and differences as text for a terminal, as JSON, and as .reg files."""

from __future__ import annotations

import codecs
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from reseal.cli import console, terminal
from reseal.errors import ResealError, UsageError
from reseal.regf import Key, Value, regfile, types
from reseal.regf.diff import Difference

Content = tuple[int, bytes] | bytes | None


def shown(text: str) -> str:
    """Return a name for a terminal, with its control characters escaped."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def typed_json(number: int, data: bytes) -> dict[str, Any]:
    """Return type and data of a value; data that is neither text nor number is hexadecimal."""
    decoded = types.decode(number, data)
    return {
        "type": types.name(number),
        "data": decoded.hex() if isinstance(decoded, bytes) else decoded,
    }


def data_text(number: int, data: bytes) -> str:
    """Return the data of a value on one line."""
    decoded = types.decode(number, data)
    match decoded:
        case bytes():
            return decoded.hex(" ")
        case int():
            return f"0x{decoded:x}"
        case list():
            return r"\0".join(map(shown, decoded))
        case _:
            return shown(decoded)


def value_text(value: Value) -> str:
    """Return a value on one line."""
    number, data = value.type, value.data
    name = shown(value.name) or "(Default)"
    return f"    {name}    {types.name(number)}    {data_text(number, data)}".rstrip()


def key_json(key: Key) -> dict[str, Any]:
    """Return a key with its values and the names of its subkeys."""
    return {
        "path": key.path,
        "class": key.class_name,
        "last_written": key.last_written,
        "values": [
            {"name": value.name, **typed_json(value.type, value.data)} for value in key.values()
        ],
        "subkeys": [child.name for child in key.subkeys()],
    }


def difference_json(difference: Difference) -> dict[str, Any]:
    """Return one difference."""
    return {
        "kind": difference.kind,
        "path": difference.path,
        "value": difference.value,
        "before": _side_json(difference.before),
        "after": _side_json(difference.after),
    }


def _side_json(content: Content) -> Any:
    if isinstance(content, tuple):
        return typed_json(*content)
    return None if content is None else content.hex()


def difference_text(difference: Difference) -> str:
    """Return one difference, on up to three lines."""
    value = "" if difference.value is None else f" {shown(difference.value) or '(Default)'}"
    lines = [f"{difference.kind}: [{shown(difference.path)}]{value}"]
    for sign, content in (("-", difference.before), ("+", difference.after)):
        if isinstance(content, tuple):
            lines.append(f"  {sign} {types.name(content[0])} {data_text(*content)}")
        elif content is not None:
            lines.append(f"  {sign} {content.hex(' ')}")
    return "\n".join(lines)


@contextmanager
def reg_file(output: Path | None) -> Iterator[Callable[[bytes], object]]:
    """Yield what writes a .reg file; a file is opened when there is something to write."""
    if output is None and sys.stdout.isatty():
        with _readable() as display:
            yield display
        return
    if output is None:
        yield sys.stdout.buffer.write
        sys.stdout.flush()
        return
    files: list[BinaryIO] = []

    def write(data: bytes) -> None:
        if not files:
            # A key of SAM or SECURITY holds password hashes, so only the owner may read it.
            file = open(output, "wb", opener=_private)  # noqa: SIM115  the stack closes it
            stack.callback(file.close)
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fchmod(file.fileno(), 0o600)
            files.append(file)
        files[0].write(data)

    try:
        with ExitStack() as stack:
            yield write
    except ResealError:
        raise
    except OSError as error:
        msg = f"{output} can't be written: {error.strerror}."
        raise UsageError(msg) from error


@contextmanager
def _readable() -> Iterator[Callable[[bytes], object]]:
    """Yield what shows a .reg file on a terminal: as text, in place of the UTF-16 that regedit wants."""
    decoders: list[codecs.IncrementalDecoder] = []
    rest = ""

    def write(data: bytes) -> None:
        nonlocal rest
        if not decoders:
            encoding = "utf-16" if data.startswith(codecs.BOM_UTF16_LE) else regfile.ANSI
            decoders.append(codecs.getincrementaldecoder(encoding)("replace"))
        *lines, rest = (rest + decoders[0].decode(data)).split("\r\n")
        console.print_lines(iter(lines))

    yield write
    if rest:
        terminal.show(rest)


def print_reg(sections: Iterator[regfile.Section], version: int) -> None:
    """Write a .reg file to standard output."""
    for piece in regfile.write(sections, version):
        sys.stdout.buffer.write(piece)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o600)
