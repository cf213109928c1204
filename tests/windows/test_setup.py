"""The request that has setupcl.exe replace the machine's SID, in both values that start it."""

from __future__ import annotations

import pytest

from reseal.proof.armed import armed
from reseal.providers.machine_sid import machine_sid
from reseal.session import Session
from reseal.sid.pending import Pending
from reseal.specialize import Specialization, Wish
from reseal.testing.machine import Machine
from reseal.windows import setup
from tests.builders import session

MANAGER = r"HKLM\SYSTEM\{}\Control\Session Manager"


def _asked(supported: int | None = 1, flags: int = 4, *others: str) -> Session:
    """A machine whose request is started by SETUPEXECUTENOPNPSYNC."""
    manager = {"Session Manager": {"SETUPEXECUTENOPNPSYNC": ["SetupCl.exe", *others]}}
    request = {"PendingRequest": {"OperationFlags": flags}}
    knows = (
        {"Session Manager": {"SupportedOneTimeExecution": supported}}
        if supported is not None
        else {}
    )
    return session(
        Machine(
            control_sets=(1, 2),
            system={
                "ControlSet001": {"Control": manager},
                "ControlSet002": {"Control": manager},
                "Setup": {"SetupCl": request | knows},
            },
        )
    )


@pytest.mark.parametrize(
    ("supported", "flags", "pending"),
    [(1, 4, True), (3, 4, True), (2, 4, False), (0, 4, False), (None, 4, False), (1, 2, False)],
)
def test_the_second_value_counts_where_the_session_manager_reads_it(
    supported: int | None, flags: int, pending: bool
) -> None:
    one = _asked(supported, flags)
    assert setup.new_sid_pending(one.registry) is pending
    assert Pending.of(one.registry).requested is pending


def test_a_machine_made_from_such_an_image_gets_its_sid_at_the_next_boot() -> None:
    outcome = Specialization(Wish(computer_name="WS-001"))(_asked())
    assert (outcome.machine_sid, outcome.sid_when) == (None, "next boot")


def test_verify_takes_the_second_value_for_the_first() -> None:
    def found(one: Session) -> dict[str, bool]:
        return {
            part.target: part.correct
            for part in armed(one.installation)
            if "SETUPEXECUTE" in part.target
        }

    names = [MANAGER.format(f"ControlSet00{number}") for number in (1, 2)]
    assert found(_asked()) == {rf"{name}\\SETUPEXECUTENOPNPSYNC": True for name in names}
    assert found(_asked(None)) == {rf"{name}\\SETUPEXECUTE": False for name in names}
    both = _asked()
    machine_sid(both)
    assert all(found(both)[rf"{name}\\SETUPEXECUTE"] for name in names)
