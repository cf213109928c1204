r"""The registry of the machine, of the default profile and of every user's profile.

| path | meaning |
|---|---|
| `HKLM\SOFTWARE`, `SYSTEM`, `SAM`, `SECURITY` | the machine's hives; `CurrentControlSet` means every control set that the machine may start with |
| `HKU\.DEFAULT` | the system's own profile, which the logon screen uses |
| `HKU\Default` | the default profile, which every new account starts with |
| `HKU\*` | the profile of every existing user |
| `HKU\<SID>` | one profile |
| `HKCR` | `HKLM\SOFTWARE\Classes` |

`HKCU` is refused: it means the logged-on user's profile, and offline no user is logged on.
"""  # noqa: E501  a table row can't be wrapped

from __future__ import annotations

import re
from collections.abc import Iterator

from reseal.customize.shared import Run
from reseal.customize.step import Given
from reseal.errors import UsageError
from reseal.regf import regfile, types
from reseal.session import Session
from reseal.tree import join
from reseal.windows.names import split_root

_MAX_REG = 64 << 20
#: SIDs of users: of the machine, of a domain, of Entra ID (documented, Well-known SIDs; the last: seen).
_PEOPLE = ("S-1-5-21-", "S-1-12-1-")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")


class Reg:
    """The step `reg`."""

    def __init__(self, given: Given) -> None:
        self._sections = regfile.parse(given.host_bytes("file", _MAX_REG))
        if not self._sections:
            msg = f"{given.host('file')} contains no keys."
            raise UsageError(msg, "Name a file that contains keys.")
        for section in self._sections:
            _root(section.path)

    def stage(self, run: Run) -> None:
        """Stage the keys and values."""
        session = run.session
        for section in self._sections:
            for path in places(session, section.path):
                if section.delete:
                    session.delete_key(path)
                    continue
                if not section.values:
                    session.create_key(path)
                for value in section.values:
                    if value.type is None:
                        session.delete_value(path, value.name)
                    else:
                        session.set_value(path, value.name, value.type, value.data)


class RegSet:
    """The step `reg-set`."""

    def __init__(self, given: Given) -> None:
        self._path, self._name = given.text("path"), given.text("value")
        self._kind: int = getattr(types, given.choice("type").upper())
        self._data = parse_data(self._kind, given.text("data"))
        _root(self._path)

    def stage(self, run: Run) -> None:
        """Stage the value."""
        for path in places(run.session, self._path):
            run.session.set_value(path, self._name, self._kind, self._data)


class RegDelete:
    """The step `reg-delete`."""

    def __init__(self, given: Given) -> None:
        self._path, self._value_given, self._name = given.text("path").partition("\\\\")
        _root(self._path)

    def stage(self, run: Run) -> None:
        """Stage the deletion."""
        session = run.session
        done = [
            session.delete_value(path, self._name)
            if self._value_given
            else session.delete_key(path)
            for path in places(session, self._path)
        ]
        if not any(done):
            shown = f"{self._path}{self._value_given}{self._name}"
            session.note(f"{shown} was not deleted: it does not exist.")


def places(session: Session, path: str) -> Iterator[str]:
    r"""Yield the paths that a path stands for: with `HKU\*`, one for every existing profile.

    Raises:
        UsageError: the image has no such hive.
        ImageError: a hive is damaged.
    """
    root, rest = _root(path)
    first, _, below = rest.partition("\\")
    if (root, first) == ("HKU", "*"):
        yield from (join("HKU", sid, below) for sid in people(session))
        return
    if not session.registry.locate(path):
        msg = f"The image has no hive for {path}."
        raise UsageError(msg, "`reseal inspect` shows the hives that it has.")
    yield path


def people(session: Session) -> list[str]:
    """Return the SIDs of users whose profile in this image has a hive."""
    return [
        sid
        for sid in session.registry.profiles
        if sid.startswith(_PEOPLE) and session.registry.load(sid) is not None
    ]


def parse_data(kind: int, text: str) -> bytes:
    r"""Return the data of a value that the user wrote as text.

    Raises:
        UsageError: it does not fit the type.
    """
    hint = {
        types.REG_DWORD: "Write a number, such as 1 or 0x1f.",
        types.REG_QWORD: "Write a number, such as 1 or 0x1f.",
    }.get(kind, "Write bytes as pairs of hex digits, such as 0a1f.")
    try:
        if kind in {types.REG_DWORD, types.REG_QWORD}:
            return types.encode(kind, int(text, 0))
        if kind == types.REG_MULTI_SZ:
            return types.encode(kind, text.split("\\0") if text else [])
        if kind in {types.REG_BINARY, types.REG_NONE}:
            if not _HEX.fullmatch(text):
                raise ValueError
            return bytes.fromhex(text)
    except ValueError:
        msg = f"{text[:60]!r} is not valid data for a {types.name(kind)}."
        raise UsageError(msg, hint) from None
    return types.encode(kind, text)


def _root(path: str) -> tuple[str, str]:
    try:
        root, rest = split_root(path)
    except ValueError:
        root, rest = "", ""
    if root not in {"HKLM", "HKU", "HKCR"} or not rest:
        msg = f"{path!r} is not a key of an image."
        raise UsageError(
            msg,
            r"Begin with HKLM\SOFTWARE, HKLM\SYSTEM, HKCR, HKU\.DEFAULT, HKU\Default or HKU\*.",
        )
    return root, rest
