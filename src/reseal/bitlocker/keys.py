"""Keys from the user: recovery keys, passwords, startup keys, each read from a file.

They are never arguments, because every user of the host can see those. The repr of a key hides it, so
that it can't get into a log, traceback or report.
"""

from __future__ import annotations

import hashlib
import re
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from reseal.bitlocker.entries import Role, Type, entries
from reseal.bitlocker.errors import MetadataError
from reseal.errors import UsageError
from reseal.sandbox import hide_memory

#: A startup key has 156 bytes, a recovery key as Windows saves it about 1,300.
MAX_SIZE = 64 << 10
KINDS = ("recovery", "password", "bek")
STDIN = "-"

_GROUPS = 8
#: Windows splits 128 bits into groups of 16 and multiplies each by 11.
_FACTOR, _LIMIT = 11, 11 << 16
_RECOVERY = re.compile(r"(?<!\d)\d{6}(?:[-\s]\d{6}){7}(?!\d)")
_LOOKS_LIKE_ONE = re.compile(r"\d+(?:[-\s]\d+){3,}")
_BEK_HEAD = struct.Struct("<IIII16sIIQ")


@dataclass(frozen=True, slots=True)
class Key:
    """A key for a protector.

    Attributes:
        source: its name in messages, as the user gave it.
        kind: one of KINDS.
        secret: the hash to stretch of a recovery key or a password; the key itself of a startup
            key.
        id: the protector that it fits; None if unknown.
    """

    source: str
    kind: str
    secret: bytes = field(repr=False)
    id: UUID | None = None


def read(named: Sequence[str]) -> tuple[Key, ...]:
    """Read the keys on a command line, such as `recovery:FILE`.

    Args:
        named: kind, colon, and file; `-` means standard input.

    Raises:
        UsageError: a kind is unknown, a file can't be read, or it does not hold such a key.
    """
    hide_memory()
    from_stdin = [one for one in named if one.partition(":")[2] == STDIN]
    if len(from_stdin) > 1:
        msg = f"Standard input can hold only one key, but {' and '.join(from_stdin)} read from it."
        raise UsageError(msg, "Put the other keys into files.")
    return tuple(_read(one) for one in named)


def _read(named: str) -> Key:
    kind, colon, place = named.partition(":")
    if not colon or kind not in KINDS or not place:
        # The argument may be the secret itself, so the message does not repeat it.
        msg = "--key takes a kind and a file: recovery:FILE, password:FILE or bek:FILE."
        raise UsageError(msg, "Put the key into a file, or use - for standard input.")
    content = _content(named, place)
    if kind == "recovery":
        return recovery_key(_text(named, content), named)
    if kind == "password":
        line = _text(named, content).rstrip("\r\n")
        if "\n" in line or "\r" in line:
            raise UsageError(
                f"The file of the password {named} has several lines.",
                "Put the password on the first line, and nothing behind it.",
            )
        return password(line, named)
    return startup_key(content, named)


def _content(named: str, place: str) -> bytes:
    try:
        if place == STDIN:
            content = sys.stdin.buffer.read(MAX_SIZE + 1)
        else:
            with Path(place).open("rb") as file:
                content = file.read(MAX_SIZE + 1)
    except OSError as error:
        # The name may be the secret itself, so the message does not repeat it.
        msg = f"The file of --key {named.partition(':')[0]}:… can't be read: {error.strerror}."
        raise UsageError(
            msg,
            "Name the file that holds the key, not the key itself, or use - for standard input.",
        ) from None
    if not content:
        raise UsageError(f"The key {named} is empty.")
    if len(content) > MAX_SIZE:
        raise UsageError(f"The key {named} has more than {MAX_SIZE >> 10} KiB, so it is not a key.")
    return content


def _text(named: str, content: bytes) -> str:
    """Decode a file from Windows (UTF-16 with a byte order mark) or from a user (UTF-8)."""
    utf16 = content[:2] in {b"\xff\xfe", b"\xfe\xff"}
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"The key {named} is not text in UTF-8 or UTF-16.") from None


def recovery_key(text: str, source: str = "recovery key") -> Key:
    """Return the recovery key in a text, such as the file that Windows saves.

    Each of its eight groups is a multiple of 11 below 720896 (documented: manage-bde refuses others).

    Raises:
        UsageError: none is found, or a group is mistyped.
    """
    found = _RECOVERY.search(text)
    if not found:
        near = " (48 digits, 8 groups of 6)" if _LOOKS_LIKE_ONE.search(text) else ""
        raise UsageError(
            f"{source} does not contain a complete recovery key{near}.",
            "A recovery key has 8 groups of 6 digits, with hyphens or spaces between them: "
            "123456-123456-….",
        )
    numbers = [int(group) for group in re.split(r"[-\s]", found.group())]
    assert len(numbers) == _GROUPS
    for place, number in enumerate(numbers, 1):
        if number % _FACTOR or number >= _LIMIT:
            raise UsageError(
                f"Group {place} of the recovery key in {source} is mistyped: every group is a "
                "multiple of 11 below 720896.",
                "Compare this group with the key that Windows saved.",
            )
    packed = struct.pack("<8H", *(number // _FACTOR for number in numbers))
    return Key(source, "recovery", hashlib.sha256(packed).digest())


def password(text: str, source: str = "password") -> Key:
    """Return the key of a password.

    Raises:
        UsageError: it is empty.
    """
    if not text:
        raise UsageError(f"The password in {source} is empty.")
    once = hashlib.sha256(text.encode("utf-16-le")).digest()
    return Key(source, "password", hashlib.sha256(once).digest())


def startup_key(content: bytes, source: str = "startup key") -> Key:
    """Return the key in a startup key's file (.BEK).

    Raises:
        UsageError: it is not such a file, or is damaged.
    """
    try:
        size, version, start, _, _, _, _, _ = _BEK_HEAD.unpack_from(content)
        if version != 1 or not _BEK_HEAD.size <= start <= size <= len(content):
            raise MetadataError("its head is damaged")
        for one in entries(content[start:size]):
            if (one.role, one.type) == (Role.STARTUP_KEY, Type.EXTERNAL_KEY):
                inside = one.find(Type.KEY)
                if inside and len(inside.key) == 32:
                    return Key(source, "bek", inside.key, one.guid)
    except (struct.error, MetadataError):
        pass
    raise UsageError(
        f"{source} does not contain a startup key.",
        "Windows writes it to a hidden file with the suffix .BEK.",
    )
