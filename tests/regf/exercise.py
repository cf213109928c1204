"""All that can be done with a hive, done with one that may be hostile.

Shared by the tests of bad input and by the fuzzers: whatever the bytes are, the outcome is a
RegfError or a result.
"""

from __future__ import annotations

import contextlib
from itertools import islice
from typing import TYPE_CHECKING

from reseal.regf import Hive, RegfError, exchange, regfile, sids
from reseal.regf.compact import compact
from reseal.regf.diff import diff
from tests.regf.copying import copy_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reseal.regf import Key

_SID = "S-1-5-21-1111111111-2222222222-3333333333"
_NEW_SID = "S-1-5-21-4111111111-4222222222-3333333339"
_PREFIX = "HKEY_LOCAL_MACHINE\\x"
#: Keys that are edited, at most; more would only repeat the same.
_EDITED = 12


def exercise(data: bytes | bytearray, logs: Mapping[str, bytes] | None = None) -> None:
    """Open, walk, verify, compare, edit and write a hive."""
    try:
        hive = Hive.open(bytes(data), logs or {})
    except RegfError:
        with contextlib.suppress(RegfError):
            read(Hive.open(bytes(data), ignore_logs=True))
        return
    hive.verify()
    read(hive)
    edit(hive)


def read(hive: Hive) -> None:
    """Read a hive in every way."""
    with contextlib.suppress(RegfError):
        sections = exchange.sections(hive.root, _PREFIX, lambda _: None)
        for _ in regfile.write(sections):
            pass
    with contextlib.suppress(RegfError):
        for _ in diff(hive.root, hive.root):
            pass
    with contextlib.suppress(RegfError):
        sids.find(hive, _SID)
    with contextlib.suppress(RegfError):
        compact(hive)
    for key in some_keys(hive):
        for look in (
            lambda key: (key.name, key.path, key.parent, key.class_name, key.last_written),
            lambda key: key.descriptor,
            lambda key: [(v.name, v.type, v.decoded) for v in islice(key.values(), 50)],
            lambda key: key.subkey("k1"),
        ):
            attempt(look, key)


def attempt(action: Callable[[Key], object], key: Key) -> None:
    """Do something with a key that may fail as a RegfError."""
    with contextlib.suppress(RegfError):
        action(key)


def some_keys(hive: Hive) -> list[Key]:
    """A few keys from the top."""
    found = [hive.root]
    for key in found:
        if len(found) >= _EDITED:
            break
        with contextlib.suppress(RegfError):
            found.extend(islice(key.subkeys(), 4))
    return found[:_EDITED]


def edit(hive: Hive) -> None:
    """Edit a hive in every way, and write it."""
    for key in reversed(some_keys(hive)):
        for action in (
            lambda key: key.create(r"new\key"),
            lambda key: key.set("v", 3, b"x" * 20_000),
            lambda key: key.set("v", 4, b"1234"),
            lambda key: [key.unset(value.name) for value in list(islice(key.values(), 5))],
            lambda key: key.set_class_name("class"),
            lambda key: key.set_descriptor(key.hive.root.descriptor + b"\0\0\0\0"),
            lambda key: key.rename("renamed"),
            lambda key: copy_tree(key, key.hive.root, "copy"),
            lambda key: key.delete(),
        ):
            attempt(action, key)
    with contextlib.suppress(RegfError):
        sids.replace(hive, _SID, _NEW_SID)
    with contextlib.suppress(RegfError):
        written = hive.to_bytes()
        patched = hive.patches()
        assert not patched or len(written) >= patched[-1][0] + len(patched[-1][1])
        Hive.open(written).verify(touched_only=True)
        hive.verify(touched_only=True)
