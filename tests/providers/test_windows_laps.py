from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect
from tests.providers.judge import judged
from tests.providers.test_agents import nested

PATH = r"Microsoft\Windows\CurrentVersion\LAPS"
CONTENT = {"State": {"LastPasswordVersion": "88401e9c"}, "Config": {"BackupDirectory": 1}}


def test_the_state_goes_and_policies_stay() -> None:
    done = judged(effect("windows-laps", Machine(software=nested(PATH, CONTENT))))
    assert done.changes == {
        f"SOFTWARE\\{PATH}\\{name}" for name in ("State\\", r"State\LastPasswordVersion")
    }
    assert effect("windows-laps").changes == set()
