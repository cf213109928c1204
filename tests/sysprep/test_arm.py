"""What arming does to values that only some images have."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.checks import force
from reseal.proof.armed import armed
from reseal.session import Mark, Session
from reseal.sysprep.arm import Target, missing
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from reseal.windows import setup
from tests.builders import session

AUDIT = {"AuditInProgress": 1, "SetupType": 2, "CmdLine": r"oobe\windeploy.exe", "Status": {
    "AuditBoot": 1, "ChildCompletion": {"oobeldr.exe": 0, "audit.exe": 3}}}  # fmt: skip


def _machine(setup_key: dict[str, Any]) -> Machine:
    return Machine(system={"Setup": setup_key})


def _wrong(one: Session) -> set[str]:
    return {part.target.rpartition("\\")[2] for part in armed(one.installation) if not part.correct}


def test_an_image_that_leaves_audit_mode_is_not_in_it_any_more() -> None:
    one = session(_machine(AUDIT))
    assert "AuditInProgress" in _wrong(session(_machine(AUDIT | {"Status": {"AuditBoot": 0}})))
    generalize(one, Target.OOBE)
    assert one.registry.value(setup.SETUP, "AuditInProgress") == 0
    assert any(note.startswith("AuditInProgress is 0 now. This is inferred") for note in one.notes)
    (change,) = (each for each in one.changes if each.target.endswith("AuditInProgress"))
    assert change.mark is Mark.INFERRED
    assert "AuditInProgress" not in _wrong(one)


def test_an_image_that_stays_in_audit_mode_keeps_its_mark() -> None:
    one = session(_machine(AUDIT))
    generalize(one, Target.AUDIT)
    assert one.registry.value(setup.SETUP, "AuditInProgress") == 1
    assert not any("AuditInProgress" in note for note in one.notes)


def test_a_clean_up_that_is_not_through_is_reset() -> None:
    machine = _machine({"Status": {"SysprepStatus": {"CleanupState": 3}}})
    one = session(machine, switches=force(["sysprep-state"]))
    generalize(one)
    assert one.registry.value(setup.SYSPREP_STATUS, "CleanupState") == setup.CLEANUP_IDLE
    assert any(note.startswith("CleanupState is 2 now. This is inferred") for note in one.notes)
    assert "CleanupState" not in _wrong(one)
    lacks = missing(session(machine).installation, Target.OOBE)
    assert any(name.endswith("CleanupState") for name in lacks)


@pytest.mark.parametrize("name", ["CleanupState", "AuditInProgress"])
def test_where_an_image_has_no_such_value_it_gets_none(name: str) -> None:
    one = session(_machine({"Status": {"SysprepStatus": {"CleanupState": None}}}))
    generalize(one)
    assert one.registry.value(setup.SYSPREP_STATUS, "CleanupState") is None
    assert one.registry.value(setup.SETUP, "AuditInProgress") is None
    assert not any(name in note for note in one.notes)
    assert not any(part.target.endswith(name) for part in armed(one.installation))
