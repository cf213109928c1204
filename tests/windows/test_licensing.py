from __future__ import annotations

from typing import Any

import pytest

from reseal.testing.machine import Machine
from reseal.windows import licensing
from tests.builders import session

HOST = {"SoftwareProtectionPlatform": {"KeyManagementServiceName": "kms.corp.example"}}


def product(channel: str) -> dict[str, bytes]:
    """The value that shows the channel, with other text before it."""
    text = "03612-03308\0Professional\0" + channel + "\0"
    return {"DigitalProductId4": bytes(8) + text.encode("utf-16-le") + bytes(16)}


@pytest.mark.parametrize(
    ("edition", "values", "client", "volume"),
    [
        ("Professional", {}, False, False),
        ("Professional", product("Volume:GVLK"), True, True),
        ("Professional", product("Volume:MAK"), False, True),
        ("Professional", product("Retail"), False, False),
        ("Enterprise", product("OEM:DM"), False, False),
        ("Enterprise", {}, False, True),
        ("EducationN", {}, False, True),
        ("EnterpriseEval", {}, False, False),
        ("Professional", HOST, True, True),
        ("Professional", HOST | product("Retail"), False, False),
    ],
)
def test_a_client_of_a_key_management_service_is_told_from_others(
    edition: str, values: dict[str, Any], client: bool, volume: bool
) -> None:
    machine = Machine(
        edition=edition, software={"Microsoft": {"Windows NT": {"CurrentVersion": values}}}
    )
    installation = session(machine).installation
    assert licensing.is_kms_client(installation.registry) == client
    assert licensing.is_volume(installation) == volume
