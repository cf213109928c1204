"""Steps that change system settings, on a sample machine in memory."""

from __future__ import annotations

import pytest

from reseal.errors import ResealError
from reseal.testing.machine import Machine
from tests.builders import step_effect

SERVICES = {"Spooler": {"ImagePath": "spoolsv.exe", "Type": 0x10, "Start": 2}}
MACHINE = Machine(system={"ControlSet001": {"Services": SERVICES}})
SPOOLER = r"HKLM\SYSTEM\CurrentControlSet\Services\Spooler"


@pytest.mark.parametrize(
    ("start", "number"), [("disabled", 4), ("manual", 3), ("Disabled", 4), ("MANUAL", 3)]
)
def test_service_sets_how_it_starts_and_nothing_else(start: str, number: int) -> None:
    found = step_effect("service", f"Spooler:{start}", machine=MACHINE)
    assert found.changes == {r"SYSTEM\ControlSet001\Services\Spooler\Start"}
    assert found.after.registry.value(SPOOLER, "Start") == number


@pytest.mark.parametrize("word", ["storahci:disabled", "None:manual", "Spooler:never", "Spooler"])
def test_service_refuses_a_driver_and_what_does_not_exist(word: str) -> None:
    with pytest.raises(ResealError, match=r"^--service"):
        step_effect("service", word, machine=MACHINE)
