from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect

FOLDER = r"ProgramData\Microsoft\Windows Defender Advanced Threat Protection"


def test_the_sensor_s_id_and_what_it_gathered_go() -> None:
    gathered = {"Cyber": {"cache.db": b"x", "Temp": {"a": b"1"}}, "Classification": {"keep": b"k"}}
    machine = Machine(files={
        "ProgramData": {"Microsoft": {"Windows Defender Advanced Threat Protection": gathered}}
    })  # fmt: skip
    assert effect("defender", machine).changes == {
        r"SOFTWARE\Microsoft\Windows Advanced Threat Protection\senseGuid",
        r"SOFTWARE\WOW6432Node\Microsoft\Windows Advanced Threat Protection\senseGuid",
        rf"-{FOLDER}\Cyber\cache.db",
        rf"-{FOLDER}\Cyber\Temp",
        rf"-{FOLDER}\Cyber\Temp\a",
    }
