from __future__ import annotations

from typing import Any

import pytest

from reseal.errors import CheckError
from reseal.session import Mark, Session
from reseal.sysprep import boot
from reseal.sysprep.arm import Stage, Target, missing
from reseal.sysprep.boot import Standing
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from reseal.windows import Installation, setup
from tests.builders import difference, session, state

#: GeneralizationState, setup.exe, oobeldr.exe, audit.exe, AuditBoot -> ImageState.
COMPUTED = [
    (4, 0, 0, 0, 0, "GENERALIZE_RESEAL_TO_OOBE"),
    (4, 0, 0, 0, 1, "GENERALIZE_RESEAL_TO_AUDIT"),
    (4, 1, 0, 0, 0, "UNDEPLOYABLE"),
    (4, 3, 0, 0, 0, "UNDEPLOYABLE"),
    (7, 3, 0, 0, 0, "SPECIALIZE_RESEAL_TO_OOBE"),
    (7, 3, 0, 0, 1, "SPECIALIZE_RESEAL_TO_AUDIT"),
    (7, 3, 3, 0, 0, "COMPLETE"),
    (7, 3, 3, 3, 1, "SPECIALIZE_RESEAL_TO_AUDIT"),
    (7, 3, 1, 0, 0, "UNDEPLOYABLE"),
    (7, 3, 0, 1, 1, "UNDEPLOYABLE"),
    (3, 3, 3, 0, 0, "UNDEPLOYABLE"),
]


def _session(
    generalization: int, children: dict[str, int], audit: int = 0, **options: Any
) -> Session:
    status = {
        "AuditBoot": audit,
        "ChildCompletion": children,
        "SysprepStatus": {"GeneralizationState": generalization},
    }
    return session(Machine(system={"Setup": {"Status": status}}), **options)


@pytest.mark.parametrize(("number", "setup_exe", "oobeldr", "audit_exe", "audit", "name"), COMPUTED)
def test_the_image_state_is_computed_as_windows_computes_it(
    number: int, setup_exe: int, oobeldr: int, audit_exe: int, audit: int, name: str
) -> None:
    children = {"setup.exe": setup_exe, "oobeldr.exe": oobeldr, "audit.exe": audit_exe}
    standing = Standing.of(_session(number, children, audit).registry)
    assert standing.computed == f"IMAGE_STATE_{name}"


@pytest.mark.parametrize("target", list(Target))
@pytest.mark.parametrize("generalized", [False, True])
def test_what_is_armed_is_what_windows_computes(target: Target, generalized: bool) -> None:
    one = session()
    stage = Stage.SPECIALIZED
    if generalized:
        generalize(one, Target.OOBE if target is Target.AUDIT else Target.AUDIT)
        stage = Stage.GENERALIZED
    assert boot.boot(one, target)
    standing = Standing.of(one.registry)
    assert standing.computed == standing.stored
    assert standing.computed == f"IMAGE_STATE_{stage}_RESEAL_TO_{target.name}"
    one.commit(one.installation.tree)
    again = Session(Installation(one.installation.tree, "Windows"))
    assert missing(again.installation, target, stage, new_sid=generalized) == []
    assert not boot.boot(again, target)
    assert again.changes == []


def test_arming_changes_the_state_of_setup_and_nothing_else() -> None:
    one = session()
    before = state(one)
    boot.boot(one, Target.AUDIT)
    changed = difference(before, state(one))
    assert changed
    assert all(
        path.startswith(
            (
                "SYSTEM\\Setup\\",
                r"SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State\ImageState",
                r"SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\ImageServicingData\ImageState",
            )
        )
        for path in changed
    )
    assert not one.registry.key(setup.PENDING_REQUEST)
    assert {change.target for change in one.changes if "file" in change.kind} == {
        r"Windows\Setup\State\State.ini"
    }


def test_a_setup_that_restarted_unexpectedly_begins_again() -> None:
    one = _session(7, {"setup.exe": 3, "oobeldr.exe": 1})
    shown = " ".join(boot.explain(Standing.of(one.registry)))
    assert "restarted unexpectedly" in shown
    with pytest.raises(CheckError, match="no state from which"):
        boot.boot(one, Target.OOBE)
    assert boot.recover(one)
    assert Standing.of(one.registry).computed == "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE"
    assert boot.recovered(one.installation) == []


def test_an_interrupted_specialize_begins_again() -> None:
    one = _session(4, {"setup.exe": 1, "oobeldr.exe": 0}, audit=1)
    assert boot.recover(one)
    assert Standing.of(one.registry).computed == "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT"


def test_a_failed_run_of_sysprep_is_put_back_to_a_finished_installation() -> None:
    one = _session(3, {"setup.exe": 3, "oobeldr.exe": 3})
    assert "0x1f" in " ".join(boot.explain(Standing.of(one.registry)))
    assert boot.recover(one)
    standing = Standing.of(one.registry)
    assert standing.computed == standing.stored == "IMAGE_STATE_COMPLETE"
    assert not standing.armed


def test_a_consistent_image_is_left_alone() -> None:
    one = session()
    assert not boot.recover(one)
    assert one.changes == []
    assert "usual" in " ".join(boot.explain(Standing.of(one.registry)))


@pytest.mark.parametrize(
    ("target", "generalized", "inferred"),
    [
        (Target.OOBE, True, "SystemSetupInProgress 1 and SetupPhase 4 are inferred"),
        (Target.OOBE, False, "SystemSetupInProgress 0 and SetupPhase 4 are inferred"),
        (Target.AUDIT, True, "OOBEInProgress 1, SystemSetupInProgress 1 and SetupPhase 4 are"),
        (Target.AUDIT, False, "OOBEInProgress 1, SystemSetupInProgress 0 and SetupPhase 4 are"),
    ],
)
def test_the_run_says_which_values_are_inferred(
    target: Target, generalized: bool, inferred: str
) -> None:
    one = session()
    (generalize if generalized else boot.boot)(one, target)
    assert any(note.startswith(inferred) for note in one.notes)
    marks = {change.target.rpartition("\\")[2]: change.mark for change in one.changes}
    assert marks["SetupType"] is marks["CmdLine"] is Mark.REPORTED
    expected = Mark.INFERRED if target is Target.AUDIT else Mark.REPORTED
    assert marks["OOBEInProgress"] is expected
