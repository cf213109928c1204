"""Providers that replace or delete single values, together on real SYSTEM hives."""

from __future__ import annotations

from pathlib import Path

import pytest

from reseal.providers.rng_seed import rng_seed
from reseal.providers.smb_server import smb_server
from reseal.providers.terminal_services import terminal_services
from tests.builders import difference, state
from tests.providers.judge import WINDOWS_7_DOMAIN, WINDOWS_10, judge, real

SERVER = r"Control\Terminal Server"
GUID = r"Services\LanmanServer\Parameters\Guid"


@pytest.mark.corpus
@pytest.mark.parametrize(("name", "values"), [
    (WINDOWS_10, {rf"{SERVER}\InstanceID", GUID}),
    (WINDOWS_7_DOMAIN, {rf"{SERVER}\InstanceID", rf"{SERVER}\RCM\Certificate",
                        rf"{SERVER}\RCM\CertificateOld", GUID}),
])  # fmt: skip
def test_only_these_values_change(corpus: Path, name: str, values: set[str]) -> None:
    one = real(corpus, name)
    before = state(one)
    for provider in (terminal_services, rng_seed, smb_server):
        provider(one)
    one.verify()
    expected = {
        rf"SYSTEM\{control_set}\{value}".lower()
        for control_set in one.registry.control_sets for value in values
    }  # fmt: skip
    changed = {path.lower() for path in difference(before, state(one))}
    assert changed == {*expected, r"system\rng\seed"}
    judge(one, reader="hivex")
