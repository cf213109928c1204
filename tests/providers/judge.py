"""Real hives on a sample machine, and the judges of what a provider did to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reseal.providers.plugins import own
from reseal.session import Session
from reseal.testing.machine import Machine
from reseal.testing.memory import MemoryTree
from tests import oracles
from tests.builders import Effect, State, difference, session, state

#: Hives of the corpus that lie in one folder each.
WINDOWS_10 = "win10-1709"
WINDOWS_10_ACCOUNTS = "win10-21h1"
WINDOWS_7_DOMAIN = "win7sp1-x86-domain-joined"
WINDOWS_81_DOMAIN = "win81-domain-joined"

_HIVES = ("SYSTEM", "SAM", "SECURITY", "DEFAULT")
_LOGS = ("LOG1", "LOG2")


def real(corpus: Path, name: str, machine: Machine | None = None, **options: Any) -> Session:
    """A session on a machine with a real machine's hives.

    Hives that the corpus lacks, and all files, are those of the sample.
    """
    folder = corpus / "machines" / name
    config: dict[str, bytes] = {}
    for hive in _HIVES:
        if (folder / hive).exists():
            config[hive] = (folder / hive).read_bytes()
            for log in _LOGS:
                path = folder / f"{hive}.{log}"
                config[f"{hive}.{log}"] = path.read_bytes() if path.exists() else b""
    machine = machine or Machine()
    machine.files |= {"Windows": {"System32": {"config": config}}}
    return session(machine, **options)


def run(name: str, one: Session) -> set[str]:
    """Run a provider and return every registry path that it changed."""
    before, after = compare(name, one)
    return difference(before, after)


def compare(name: str, one: Session) -> tuple[State, State]:
    """Run a provider and return all hives before and after."""
    before = state(one)
    next(each for each in own() if each.id == name)(one)
    one.verify()
    return before, state(one)


def judge(one: Session, *, reader: str = "dissect.regf") -> None:
    """Commit, and let the whole structure and an independent reader judge each written hive."""
    tree = one.installation.tree
    assert isinstance(tree, MemoryTree)
    edited = one.edited_hives
    one.commit(tree)
    for name in edited:
        loaded = one.registry.loaded[name]
        assert loaded.hive.verify() == []
        assert oracles.ORACLES[reader](tree.read(loaded.file)) == oracles.tree_of(loaded.hive)


def judged(done: Effect, *readers: str) -> Effect:
    """Let other readers judge each hive that a provider wrote on a sample machine."""
    tree = done.session.installation.tree
    for name in done.session.edited_hives:
        loaded = done.session.registry.loaded[name]
        assert loaded.hive.verify() == []
        for reader in readers or ("dissect.regf", "hivex"):
            assert oracles.ORACLES[reader](tree.read(loaded.file)) == oracles.tree_of(loaded.hive)
    return done
