"""Sessions on sample machines in memory, and what a provider did to one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reseal.customize.run import Customization
from reseal.customize.steps import STEPS
from reseal.providers.plugins import own
from reseal.regf import Hive, Key
from reseal.session import Session, VolumeState
from reseal.testing.machine import Machine, tree
from reseal.testing.memory import MemoryTree
from reseal.tree import join
from reseal.windows import Installation
from reseal.windows.names import MACHINE_HIVES

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
#: Every key and value of every hive, by the hive's name.
State = dict[str, dict[str, tuple[int, bytes] | None]]
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
    pending: list[tuple[str, Key]] = [("", hive.root)]
    while pending:
        path, key = pending.pop()
        found[f"{path}\\"] = None
        for value in key.values():
            found[f"{path}\\{value.name}"] = (value.type, value.data)
        pending.extend((f"{path}\\{one.name}" if path else one.name, one) for one in key.subkeys())
    return found


def state(one: Session) -> State:
    """Every key and value of every machine hive."""
    names = ("SYSTEM", "SOFTWARE", "SAM", "SECURITY", "DEFAULT")
    hives = {name: one.registry.hive(name) for name in names}
    return {name: values(hive) for name, hive in hives.items() if hive}


def difference(before: State, after: State) -> set[str]:
    r"""Paths (`SYSTEM\Setup\CmdLine`) that are new, gone or different."""
    found: set[str] = set()
    for name, old in before.items():
        new = after[name]
        for path in {*old, *new}:
            if (path in old) != (path in new) or old.get(path) != new.get(path):
                found.add(f"{name}\\{path}")
    return found


@dataclass
class Effect:
    r"""What a provider did to a sample machine, as the whole image tells it afterwards.

    Attributes:
        changes: every registry path (`SYSTEM\Setup\CmdLine`, keys with a backslash at their end) that
            is new, gone or different, and every file with `-` (gone), `+` (new) or `*` (different)
            before its path.
        session: the session that was committed.
        after: a session on the image as it is now.
    """

    changes: set[str]
    session: Session
    after: Session

    def read(self, path: str) -> bytes:
        """A file as it is now."""
        return self.after.files.read(path)


def effect(name: str, machine: Machine | None = None, **options: Any) -> Effect:
    """Run one provider on a sample machine, commit, and compare the whole image with what it was."""
    return _effect(name, next(each for each in own() if each.id == name), machine, **options)


def step_effect(name: str, *words: str, machine: Machine | None = None) -> Effect:
    """The same with one customize step and its arguments, given as on the command line."""
    steps = Customization([STEPS[name].parse(words, f"--{name}", Path())])

    def stage(one: Session) -> None:
        steps.stage(one)
        steps.finish()

    return _effect(name, stage, machine)


def _effect(
    name: str, stage: Callable[[Session], object], machine: Machine | None, **options: Any
) -> Effect:
    one = session(machine, **options)
    memory = one.installation.tree
    assert isinstance(memory, MemoryTree)
    files, hives = memory.snapshot(), state(session(machine))
    stage(one)
    assert {change.provider for change in one.changes} <= {name}
    one.verify()
    one.commit(memory)
    again = Session(Installation(memory, "Windows", volume=1), volume_state=CLEAN)
    now = memory.snapshot()
    changes = difference(hives, state(again))
    for path in {*files, *now}:
        if path.lower() in _HIVE_FILES:
            continue
        if path not in now:
            changes.add(f"-{path}")
        elif path not in files:
            changes.add(f"+{path}")
        elif files[path] != now[path]:
            changes.add(f"*{path}")
    return Effect(changes, one, again)


_HIVE_FILES = {
    join(r"Windows\System32\config", name + suffix).lower()
    for name in MACHINE_HIVES
    for suffix in ("", ".LOG1", ".LOG2")
}
