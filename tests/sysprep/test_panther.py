"""The log that a run leaves in the image."""

from __future__ import annotations

import pytest

from reseal.checks.vm_mode import VM_MODE
from reseal.sysprep.generalize import generalize
from reseal.testing.machine import Machine
from tests.builders import session


def test_it_does_not_name_the_old_machine() -> None:
    machine = Machine()
    one = session(machine)
    generalize(one)
    log = one.files.read(r"Windows\System32\Sysprep\Panther\setupact.log").decode().lower()
    for secret in (machine.computer_name, machine.machine_guid, str(machine.sid)):
        assert secret.lower() not in log
    assert "machine-guid: rename_file" in log
    assert "_<old>" in log
    assert "<machine sid>-500" in log


@pytest.mark.parametrize("switches", [frozenset(), frozenset({VM_MODE, "force:vm-mode"})])
def test_it_names_the_vm_mode_as_sysprep_does(switches: frozenset[str]) -> None:
    one = session(switches=switches)
    generalize(one)
    log = one.files.read(r"Windows\System32\Sysprep\Panther\setupact.log").decode()
    line = "Info       [0x0f00b7] SYSPRP WinMain:Sysprep mode [vm]; was specified\r\n"
    assert (line in log) is (VM_MODE in switches)


def test_names_in_targets_are_masked() -> None:
    from reseal.sysprep.panther import _anonymous

    sid = Machine().sid
    assert _anonymous(rf"HKU\{sid}-500\X", []) == r"HKU\<machine SID>-500\X"
    assert _anonymous(r"A\desktop-1\28E347017777", ["DESKTOP-1"]) == r"A\<old>\<MAC>"


def test_every_change_tells_what_was_there_before() -> None:
    machine = Machine()
    one = session(machine)
    generalize(one)
    told = {change.target: change for change in one.changes if change.kind == "set_value"}
    for name, old in (
        (r"HKLM\SOFTWARE\Microsoft\Cryptography\\MachineGuid", machine.machine_guid),
        (r"HKLM\SYSTEM\Setup\\SetupType", 0),
        (
            r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State\\ImageState",
            "IMAGE_STATE_COMPLETE",
        ),
    ):
        before = told[name].before
        assert isinstance(before, dict)
        assert before["data"] == old
    assert not [change.target for change in told.values() if change.before == change.after]
