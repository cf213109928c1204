from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect


def test_the_telemetry_id_goes_and_settings_stay() -> None:
    client = {"MachineId": "{C283D224-5CAD-4502-95F0-2569E4C85074}", "Windows": {"CEIPEnable": 0}}
    machine = Machine(software={"Microsoft": {"SQMClient": client}})
    assert effect("telemetry-id", machine).changes == {r"SOFTWARE\Microsoft\SQMClient\MachineId"}
