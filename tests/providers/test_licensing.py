from __future__ import annotations

from typing import Any

import pytest

from reseal.operations.generalize import Generalize, GeneralizeRequest
from reseal.testing.machine import Machine
from tests.builders import effect

SCRIPT = r"Windows\Setup\Scripts\SetupComplete.cmd"
COMMAND = b"@cscript.exe //B //Nologo %SystemRoot%\\System32\\slmgr.vbs /rearm\r\n"
SKIP = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\SoftwareProtectionPlatform\SkipRearm"
REARM = frozenset({"rearm"})


def _machine(skip: int | None = None, script: bytes | None = None) -> Machine:
    platform = {} if skip is None else {"SkipRearm": skip}
    store = {"tokens.dat": b"sealed", "data.dat": b"sealed"}
    windows: dict[str, Any] = {"System32": {"spp": {"store": {"2.0": store}}}}
    if script is not None:
        windows["Setup"] = {"Scripts": {"SetupComplete.cmd": script}}
    return Machine(
        files={
            "Windows": windows,
            "ProgramData": {"Microsoft": {"Windows": {"ClipSVC": {"tokens.dat": b"sealed"}}}},
        },
        software={"Microsoft": {"Windows NT": {"CurrentVersion": {
            "SoftwareProtectionPlatform": platform,
        }}}},
        system={"WPA": {"8DEC0AF1-0341-4b93-85CD-72606C2DF94C-7P-1": {"": b"sealed"}}},
    )  # fmt: skip


def test_the_license_is_never_touched_and_the_consequence_is_said() -> None:
    for skip in (None, 0, 1):
        done = effect("licensing", _machine(skip))
        assert done.changes == set()
        (note,) = done.session.notes
        assert "can't be rearmed offline, so clones inherit the rest of the grace period" in note
        assert ("SkipRearm is 1" in note) is (skip == 1)


def test_a_rearm_is_staged_for_the_first_boot() -> None:
    done = effect("licensing", _machine(), switches=REARM)
    assert done.changes == {rf"+{SCRIPT}", r"+Windows\Setup\Scripts"}
    assert done.read(SCRIPT) == COMMAND
    (note,) = done.session.notes
    assert "OEM" in note
    assert "can't be read" in note


def test_a_script_that_is_there_keeps_what_it_holds_and_runs_after_it() -> None:
    script = b"@echo off\r\ncall c:\\x.cmd\r\nexit /b 0"
    done = effect("licensing", _machine(1, script), switches=REARM)
    assert done.changes == {rf"*{SCRIPT}", SKIP}
    assert done.read(SCRIPT) == COMMAND + script
    twice = effect("licensing", _machine(0, COMMAND + script), switches=REARM)
    assert twice.changes == set()


def test_without_the_platform_s_key_nothing_is_made() -> None:
    machine = Machine()
    assert effect("licensing", machine).changes == set()


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (7601, "3 rearms in this Windows"),
        (9200, "documented: 8 runs of Sysprep"),
        (9600, "1001 runs of Sysprep"),
        (26100, "1001 runs of Sysprep"),
    ],
)
def test_as_many_rearms_are_named_as_this_windows_has(build: int, said: str) -> None:
    done = effect("licensing", Machine(build=build), switches=REARM)
    (note,) = done.session.notes
    assert said in note


@pytest.mark.parametrize(("edition", "staged"), [("Enterprise", True), ("Professional", False)])
def test_sysprep_rearms_copies_that_are_licensed_by_volume(edition: str, *, staged: bool) -> None:
    done = effect("licensing", Machine(edition=edition), switches=frozenset({"rearm-volume"}))
    assert (f"+{SCRIPT}" in done.changes) == staged
    (note,) = done.session.notes
    assert ("--no-rearm leaves it out" in note) == staged


def test_generalize_passes_on_whether_the_person_asked() -> None:
    asked = {None: "rearm-volume", True: "rearm"}
    for rearm in (None, True, False):
        switches = Generalize(GeneralizeRequest(rearm=rearm)).needs["switches"]
        assert {one for one in switches if one.startswith("rearm")} == {
            name for value, name in asked.items() if value is rearm
        }
