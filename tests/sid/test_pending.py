"""A request for another SID that is withdrawn, whichever of its values starts setupcl.exe."""

from __future__ import annotations

from reseal.providers.machine_sid import machine_sid
from reseal.sid.pending import withdraw
from reseal.testing.machine import Machine
from reseal.windows import setup
from tests.builders import session

MANAGER = r"HKLM\SYSTEM\{}\Control\Session Manager"


def test_a_withdrawn_request_leaves_setupcl_in_neither_value() -> None:
    values = {
        "SETUPEXECUTE": ["setupcl.exe"],
        "SETUPEXECUTENOPNPSYNC": ["SetupCl.exe", "other.exe"],
    }
    control_set = {"Control": {"Session Manager": values}}
    system = {"ControlSet001": control_set, "ControlSet002": control_set, "Setup": {
        "SetupCl": {"PendingRequest": {"OperationFlags": 4}}}}  # fmt: skip
    one = session(Machine(control_sets=(1, 2), system=system))
    assert setup.new_sid_pending(one.registry)
    withdraw(one)
    assert not setup.new_sid_pending(one.registry)
    for number in (1, 2):
        manager = MANAGER.format(f"ControlSet00{number}")
        assert one.registry.value(manager, "SETUPEXECUTE") == []
        assert one.registry.value(manager, "SETUPEXECUTENOPNPSYNC") == ["other.exe"]


def test_a_value_that_an_image_has_not_is_not_made() -> None:
    one = session()
    machine_sid(one)
    withdraw(one)
    assert one.registry.value(setup.SESSION_MANAGER, "SETUPEXECUTENOPNPSYNC") is None
