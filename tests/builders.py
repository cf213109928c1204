"""Sessions on sample machines in memory, and what a provider did to one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from reseal.regf import Hive, Key
from reseal.session import Session, VolumeState
from reseal.testing.machine import Machine, tree
from reseal.testing.memory import MemoryTree
from reseal.windows import Installation

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CLEAN = VolumeState(dirty=False, log_clean=True, hibernation="none", shadow_copies=0)


def counting(size: int) -> bytes:
    """Not random at all."""
    return bytes(index % 256 for index in range(size))


def session(machine: Machine | None = None, **options: Any) -> Session:
    """A session on a sample machine that lies in memory."""
    memory = MemoryTree(tree(machine or Machine()))
    installation = Installation(memory, "Windows", volume=1)
    facts: dict[str, Any] = {"volume_state": CLEAN, "random": counting, "now": lambda: NOW}
    return Session(installation, **(facts | options))


def values(hive: Hive) -> dict[str, tuple[int, bytes] | None]:
    r"""Every key (with a backslash at its end) and value of a hive."""
    found: dict[str, tuple[int, bytes] | None] = {}
    pending: list[Key] = [hive.root]
    while pending:
        key = pending.pop()
        found[f"{key.path}\\"] = None
        for value in key.values():
            found[f"{key.path}\\{value.name}"] = (value.type, value.data)
        pending.extend(key.subkeys())
    return found


def state(one: Session) -> dict[str, dict[str, tuple[int, bytes] | None]]:
    """Every key and value of every machine hive."""
    names = ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT")
    hives = {name: one.registry.hive(name) for name in names}
    return {name: values(hive) for name, hive in hives.items() if hive}


def difference(
    before: dict[str, dict[str, tuple[int, bytes] | None]],
    after: dict[str, dict[str, tuple[int, bytes] | None]],
) -> set[str]:
    r"""Paths (`SYSTEM\Setup\CmdLine`) that are new, gone or different."""
    found: set[str] = set()
    for name, old in before.items():
        new = after[name]
        for path in {*old, *new}:
            if (path in old) != (path in new) or old.get(path) != new.get(path):
                found.add(f"{name}\\{path}")
    return found
