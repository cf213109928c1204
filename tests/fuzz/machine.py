"""A whole machine with junk in its registry and files, generalized, given a new SID, and verified.

The hives stay sound: what is fuzzed is everything that reads values and files.
"""

from __future__ import annotations

import contextlib
from functools import cache
from typing import Any

from reseal.errors import ResealError
from reseal.operations.generalize import Generalize
from reseal.operations.inspect import inspection
from reseal.proof import comparison
from reseal.regf import Hive, Key
from reseal.run.opening import Found
from reseal.session import Session
from reseal.sid.change import change_now
from reseal.sid.choice import choose
from reseal.sid.replacement import Replacement
from reseal.testing.machine import Machine, tree
from reseal.testing.memory import MemoryTree
from reseal.windows import Installation
from reseal.windows.identity import machine_sid
from tests.builders import CLEAN, NOW, counting

#: What values may hold: nothing, too little, ends of text, SIDs cut off, loops of paths.
JUNK = (
    b"", b"\0", b"\0\0", b"x", b"\xff" * 3, b"\0\xd8", b"\1\5\0\0\0\0\0\5\x15\0\0\0", b"\xff" * 300,
    bytes(5000), "..\\..\\Windows".encode("utf-16-le"), "C:\\\0\0".encode("utf-16-le"),
    "S-1-5-21-1-2\0".encode("utf-16-le"), "%SystemRoot%\\%SystemRoot%\0".encode("utf-16-le"),
    "\\??\\Volume{0}\0\0\0".encode("utf-16-le"), b"\1\1\0\0\0\0\0\5\x12\0\0\0", b"\1\0\4\x80" + bytes(16),
)  # fmt: skip


@cache
def _files() -> dict[str, bytes]:
    memory = MemoryTree(tree(Machine()))
    return {path: data for path, data in memory.snapshot().items() if data is not None}


@cache
def _hives() -> list[str]:
    return sorted(
        path for path, data in _files().items() if data[:4] == b"regf" and len(data) > 4096
    )


def _spoiled(data: bytes, edits: list[bytes]) -> bytes:
    hive = Hive.open(data)
    keys: list[Key] = [hive.root]
    for key in keys:
        keys += key.subkeys()
    values = [(key, value.name) for key in keys for value in key.values()]
    for _, low, high, how, what, kind in edits:
        number = low | high << 8
        if how % 8 == 7:
            key = keys[number % len(keys)]
            with contextlib.suppress(ResealError):
                key.delete() if what & 1 else key.create("..\\junk"[what % 8 :] or "j")
            return bytes(hive.to_bytes())
        key, name = values[number % len(values)]
        value = key.value(name)
        old = value.data if value else b""
        new = {
            0: JUNK[what % len(JUNK)],
            1: old[: what % (len(old) + 1)],
            2: old + JUNK[what % len(JUNK)],
            3: old[: what % (len(old) + 1)] + b"\xff" + old[what % (len(old) + 1) + 1 :],
        }.get(how % 8, old)
        with contextlib.suppress(ResealError):
            key.set(name, kind % 12 if how & 8 else (value.type if value else 1), new)
    return bytes(hive.to_bytes())


def machine(data: bytes) -> None:
    """One input: six bytes for an edit, of a hive's values or of a file."""
    edits = [data[index : index + 6] for index in range(0, len(data) - 5, 6)][:40]
    files = dict(_files())
    names = sorted(files)
    by_hive: dict[str, list[bytes]] = {}
    for edit in edits:
        if edit[0] & 3:
            by_hive.setdefault(_hives()[edit[0] // 4 % len(_hives())], []).append(edit)
            continue
        path = names[(edit[1] | edit[2] << 8) % len(names)]
        if path in _hives():
            continue
        old = files[path]
        at = (edit[3] << 4) % (len(old) + 1)
        files[path] = old[:at] + JUNK[edit[4] % len(JUNK)] + old[at + edit[5] % 64 :]
    for path, chosen in by_hive.items():
        files[path] = _spoiled(files[path], chosen)
    _use(files)


def _session(files: dict[str, bytes]) -> Session:
    memory = MemoryTree(_nested(files))
    return Session(
        Installation(memory, "Windows", volume=1), volume_state=CLEAN, random=counting,
        now=lambda: NOW,
    )  # fmt: skip


def _nested(files: dict[str, bytes]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, content in files.items():
        *folders, name = path.split("\\")
        place = nested
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = content
    return nested


def _use(files: dict[str, bytes]) -> None:
    one = _session(files)
    with contextlib.suppress(ResealError):
        inspection([Found(one.installation)], None, "disk")
    with contextlib.suppress(ResealError):
        comparison.facts(Found(one.installation))
    with contextlib.suppress(ResealError):
        operation = Generalize()
        operation.stage(one)
        one.verify()
        one.commit(one.installation.tree)
        operation.recheck(Installation(one.installation.tree, "Windows", volume=1))
    two = _session(files)
    with contextlib.suppress(ResealError):
        old = machine_sid(two.registry)
        if old is not None:
            change_now(two, Replacement(old, choose(old, counting)))
            two.commit(two.installation.tree)
