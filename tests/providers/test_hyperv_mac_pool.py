from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect
from tests.providers.judge import judged
from tests.providers.test_agents import nested

PATH = r"Microsoft\Windows NT\CurrentVersion\Virtualization"
CONTENT = {"MinimumMacAddress": bytes(6), "MaximumMacAddress": bytes(6), "Version": "9.0"}


def test_the_range_goes_and_the_host_stays() -> None:
    done = judged(effect("hyperv-mac-pool", Machine(software=nested(PATH, CONTENT))))
    assert done.changes == {
        f"SOFTWARE\\{PATH}\\{name}" for name in ("MinimumMacAddress", "MaximumMacAddress")
    }
    assert effect("hyperv-mac-pool").changes == set()
