from __future__ import annotations

from typing import Any

from reseal.testing.machine import Machine
from tests.builders import effect
from tests.providers.judge import judged
from tests.providers.test_agents import files, nested

DSC = r"Microsoft\Windows\CurrentVersion\DSC"
FOLDER = r"Windows\System32\Configuration"
MACHINE: dict[str, Any] = {
    "software": nested(
        DSC, {"AgentId": "5F1B2C3D-0000-11E7-80C1-005056AABBCC", "PSDscAllowKeep": 1}
    ),
    "files": files(
        *(rf"{FOLDER}\{name}" for name in ("MetaConfig.mof", "Current.mof", "DSCEngineCache.txt"))
    ),
}


def test_the_agent_id_goes_by_default_and_configurations_if_asked() -> None:
    done = judged(effect("dsc", Machine(**MACHINE)))
    assert done.changes == {rf"SOFTWARE\{DSC}\AgentId"}
    done = effect("dsc-configuration", Machine(**MACHINE))
    assert done.changes == {rf"-{FOLDER}\MetaConfig.mof", rf"-{FOLDER}\Current.mof"}
    assert effect("dsc").changes == effect("dsc-configuration").changes == set()
