"""The forms in which an identity may stand on a disk.

A SID is looked for by its three own numbers, in binary (twelve bytes, also inside the SIDs of
accounts and in SAM, which keeps nothing else) and as text. Texts are looked for in ASCII and UTF-16LE
without regard to case; ids that are GUIDs also in their binary form.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from reseal.proof.identity import Kind, MachineIdentity
from reseal.windows.sid import Sid

#: A shorter text stands everywhere by chance; it is looked for in its own places only.
SHORTEST_TEXT = 4
#: A text below this is found only as a whole word.
_SELDOM = 8
BINARY, ASCII, UTF16 = "binary", "text (ASCII)", "text (UTF-16)"


@dataclass(frozen=True, slots=True)
class Needle:
    """One sequence of bytes to look for.

    Attributes:
        kind: what it stands for.
        value: the identity as a person knows it.
        form: BINARY, ASCII or UTF16.
        data: the bytes; lower case where `folded`.
        folded: whether the case of ASCII letters does not matter.
        unit: bytes of a character, where it is found as a whole word only; else 0.
    """

    kind: Kind
    value: str
    form: str
    data: bytes
    folded: bool = False
    unit: int = 0


def needles(identity: MachineIdentity) -> tuple[Needle, ...]:
    """Every form of everything that is known of a machine."""
    found: dict[tuple[bytes, bool], Needle] = {}
    for kind, value in identity.items():
        for needle in _FORMS[kind](kind, value):
            found.setdefault((needle.data, needle.folded), needle)
    return tuple(found.values())


def too_short(identity: MachineIdentity) -> list[str]:
    """What can't be looked for, since it would be found everywhere by chance."""
    return [
        value
        for kind, value in identity.items()
        if kind in {Kind.NAME, Kind.USER} and len(value) < SHORTEST_TEXT
    ]


def _text(kind: Kind, value: str, searched: str | None = None) -> Iterator[Needle]:
    text = (searched or value).lower()
    if len(text) < SHORTEST_TEXT:
        return
    word = kind in {Kind.NAME, Kind.USER} and len(text) < _SELDOM
    if text.isascii():
        yield Needle(kind, value, ASCII, text.encode("ascii"), True, 1 if word else 0)
    # Only ASCII letters are folded: other text is found in the case in which it is known.
    wide = text if text.isascii() else (searched or value)
    raw = wide.encode("utf-16-le", "surrogatepass")
    yield Needle(kind, value, UTF16, _folded(raw), True, 2 if word else 0)


def _folded(raw: bytes) -> bytes:
    return raw.lower()


def _sid(kind: Kind, value: str) -> Iterator[Needle]:
    numbers = Sid.parse(value).sub_authorities[1:]
    yield Needle(kind, value, BINARY, struct.pack("<3I", *numbers))
    yield from _text(kind, value, "-".join(map(str, numbers)))


def _guid(kind: Kind, value: str) -> Iterator[Needle]:
    try:
        raw = uuid.UUID(value)
    except ValueError:
        yield from _text(kind, value)
        return
    yield Needle(kind, value, BINARY, raw.bytes_le)
    yield from _text(kind, value, str(raw))


def _mac(kind: Kind, value: str) -> Iterator[Needle]:
    digits = value.replace("-", "").replace(":", "")
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        return
    if len(raw) != 6:
        return
    yield Needle(kind, value, BINARY, raw)
    for separator in ("-", ":", ""):
        yield from _text(kind, value, raw.hex(separator) if separator else raw.hex())


def _serial(kind: Kind, value: str) -> Iterator[Needle]:
    try:
        raw = int(value, 16).to_bytes(8, "little")
    except (ValueError, OverflowError):
        return
    yield Needle(kind, value, BINARY, raw)
    short = value[-8:]
    yield from _text(kind, value, f"{short[:4]}-{short[4:]}")


_FORMS = {
    Kind.SID: _sid,
    Kind.NAME: _text,
    Kind.MACHINE_GUID: _guid,
    Kind.PRODUCT_ID: _text,
    Kind.MAC: _mac,
    Kind.USER: _text,
    Kind.VOLUME: _serial,
    Kind.DISK: _guid,
}
