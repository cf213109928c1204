from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect
from tests.providers.judge import judged
from tests.providers.test_agents import nested

PATH = r"Microsoft\Windows NT\CurrentVersion\iSCSI\Discovery"
CONTENT = {"DefaultInitiatorName": "iqn.1991-05.com.microsoft:pc1", "Keep": 1}


def test_the_name_goes_and_targets_stay() -> None:
    done = judged(effect("iscsi-initiator", Machine(software=nested(PATH, CONTENT))))
    assert done.changes == {f"SOFTWARE\\{PATH}\\{name}" for name in ("DefaultInitiatorName",)}
    assert effect("iscsi-initiator").changes == set()
