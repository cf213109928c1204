from __future__ import annotations

import re
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
from reseal.windows.setup import SetupState
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
    generalization: int | None,
    children: dict[str, int],
    audit: int = 0,
    *,
    stored: str = "IMAGE_STATE_COMPLETE",
    cleanup: int = 2,
    passes: dict[str, int] | None = None,
    more: dict[str, Any] | None = None,
) -> Session:
    status = {
        "AuditBoot": audit,
        "ChildCompletion": children,
        "SysprepStatus": {"GeneralizationState": generalization, "CleanupState": cleanup},
        "UnattendPasses": passes or {},
    }
    state = {"Setup": {"State": {"ImageState": stored}}}
    return session(
        Machine(
            system={"Setup": {"Status": status, **(more or {})}},
            software={"Microsoft": {"Windows": {"CurrentVersion": state}}},
        )
    )


def _explained(one: Session) -> str:
    return " ".join(boot.explain(Standing.of(one.registry)))


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
    with pytest.raises(CheckError, match="armed from the image's present state"):
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


#: A run of Sysprep that failed in audit mode, its usual place: Setup is still armed.
IN_AUDIT_MODE = {"SetupType": 2, "CmdLine": r"oobe\windeploy.exe"}


def test_a_run_of_sysprep_that_failed_in_audit_mode_is_put_back_to_audit_mode() -> None:
    children = {"setup.exe": 3, "oobeldr.exe": 0, "audit.exe": 3}
    one = _session(3, children, audit=1, more=IN_AUDIT_MODE)
    assert boot.recover(one)
    standing = Standing.of(one.registry)
    assert standing.computed == standing.stored == "IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT"
    assert standing.armed
    assert standing.children == {"setup.exe": 3, "oobeldr.exe": 0, "audit.exe": 0}
    assert boot.recovered(one.installation) == []


def test_where_oobe_never_ran_a_failed_run_of_sysprep_does_not_make_it_count_as_done() -> None:
    one = _session(3, {"setup.exe": 3, "oobeldr.exe": 0})
    assert boot.recover(one)
    standing = Standing.of(one.registry)
    assert standing.computed == standing.stored == "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE"
    assert standing.armed


def test_what_a_finished_installation_does_not_run_any_more_is_said() -> None:
    one = _session(3, {"setup.exe": 3, "oobeldr.exe": 3}, more=IN_AUDIT_MODE)
    assert boot.recover(one)
    assert not Standing.of(one.registry).armed
    assert any("no longer runs oobe\\windeploy.exe" in note for note in one.notes)


def test_a_finished_installation_whose_number_stayed_at_4_is_not_generalized() -> None:
    """Reported of some Windows 11: GeneralizationState is still 4 after OOBE."""
    one = _session(4, {"setup.exe": 3, "oobeldr.exe": 3})
    assert "The installation is finished" in _explained(one)
    assert "specialize still has to run" not in _explained(one)
    assert not boot.recover(one)
    assert one.changes == []
    assert boot.boot(one, Target.OOBE)
    assert not SetupState.of(one.installation).generalized
    standing = Standing.of(one.registry)
    assert standing.computed == standing.stored == "IMAGE_STATE_SPECIALIZE_RESEAL_TO_OOBE"
    assert standing.children["setup.exe"] == 3
    assert any("GeneralizationState" in note for note in one.notes)
    one.commit(one.installation.tree)
    assert missing(one.installation, Target.OOBE, Stage.SPECIALIZED) == []


UNDEPLOYABLE = "IMAGE_STATE_UNDEPLOYABLE"
#: What was found, what explains it, and the ImageState that it is put back to.
STUCK: list[tuple[dict[str, Any], str, str]] = [
    (
        {"generalization": 7, "children": {"setup.exe": 1, "oobeldr.exe": 0}},
        "setup.exe started but did not finish", "SPECIALIZE_RESEAL_TO_OOBE",
    ),
    (
        {"generalization": 7, "children": {"setup.exe": 1, "oobeldr.exe": 3}},
        "setup.exe started but did not finish", "COMPLETE",
    ),
    (
        {"generalization": 7, "children": {"setup.exe": 3, "oobeldr.exe": 2}},
        "oobeldr.exe has the unknown number 2", "SPECIALIZE_RESEAL_TO_OOBE",
    ),
    (
        {"generalization": 7, "children": {"setup.exe": 3, "audit.exe": 5}, "audit": 1},
        "audit.exe has the unknown number 5", "SPECIALIZE_RESEAL_TO_AUDIT",
    ),
    (
        {"generalization": 7, "children": {"oobeldr.exe": 3, "audit.exe": 1}},
        "audit.exe started but did not finish", "COMPLETE",
    ),
    (
        {"generalization": 4, "children": {"setup.exe": 3, "oobeldr.exe": 0},
         "stored": UNDEPLOYABLE},
        "Specialize is done", "SPECIALIZE_RESEAL_TO_OOBE",
    ),
    (
        {"generalization": 4, "children": {"setup.exe": 3, "oobeldr.exe": 3},
         "stored": UNDEPLOYABLE},
        "Specialize is done", "COMPLETE",
    ),
    (
        {"generalization": 4, "children": {"setup.exe": 2, "oobeldr.exe": 0}},
        "setup.exe has the unknown number 2", "GENERALIZE_RESEAL_TO_OOBE",
    ),
    (
        {"generalization": 4, "children": {"setup.exe": 0, "oobeldr.exe": 0},
         "passes": {"specialize": 3}},
        "The pass specialize failed (3)", "GENERALIZE_RESEAL_TO_OOBE",
    ),
    (
        {"generalization": 7, "children": {"oobeldr.exe": 0}, "passes": {"specialize": 3}},
        "The pass specialize failed (3)", "SPECIALIZE_RESEAL_TO_OOBE",
    ),
    (
        {"generalization": 7, "children": {}, "passes": {"generalize": 1, "oobeSystem": 12}},
        "The pass oobeSystem failed (12)", "COMPLETE",
    ),
    (
        {"generalization": 7, "children": {}, "cleanup": 3}, "CleanupState is 3", "COMPLETE",
    ),
    (
        {"generalization": 3, "children": {}, "cleanup": 3}, "CleanupState is 3", "COMPLETE",
    ),
    (
        {"generalization": 7, "children": {}, "stored": UNDEPLOYABLE},
        "a part of Setup is running or has failed", "COMPLETE",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("found", "said", "state"), STUCK)
def test_what_is_stuck_is_explained_and_put_back(
    found: dict[str, Any], said: str, state: str
) -> None:
    one = _session(**found)
    assert said in _explained(one)
    assert "--recover" in _explained(one)
    with pytest.raises(CheckError, match=re.escape(said)):
        boot.boot(one, Target.OOBE)
    assert one.changes == []
    assert boot.recover(one)
    standing = Standing.of(one.registry)
    assert standing.computed == standing.stored == f"IMAGE_STATE_{state}"
    assert "--recover" not in _explained(one)
    assert boot.recovered(one.installation) == []
    assert one.registry.number(setup.UNATTEND_PASSES, "specialize") in {0, 9}
    assert one.registry.number(setup.SYSPREP_STATUS, "CleanupState") == 2
    assert not boot.recover(one)


def test_a_mark_that_sysprep_failed_is_taken_away() -> None:
    one = session(
        Machine(
            software={"Microsoft": {"Windows": {"CurrentVersion": {"Setup": {
                "Sysprep": {"SysprepCorrupt": 1}}}}}}
        )
    )  # fmt: skip
    assert "SysprepCorrupt is set" in _explained(one)
    assert boot.recover(one)
    assert one.registry.value(setup.SYSPREP_REGISTRY, setup.SYSPREP_CORRUPT) is None


def test_an_image_without_a_recorded_state_is_not_put_back_to_a_guess() -> None:
    one = _session(None, {}, stored=UNDEPLOYABLE)
    assert "GeneralizationState is missing" in _explained(one)
    assert "--recover" not in _explained(one)
    with pytest.raises(CheckError, match=r"GeneralizationState is missing.*Nothing was changed"):
        boot.recover(one)
    assert one.changes == []


def test_a_consistent_image_is_left_alone() -> None:
    one = session()
    assert not boot.recover(one)
    assert one.changes == []
    assert "normal boot" in " ".join(boot.explain(Standing.of(one.registry)))


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
