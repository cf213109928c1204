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


def below(application: str) -> dict[str, Any]:
    """The host of one license of an application."""
    host = {"{73111121-5638-40f6-bc11-f1d7b0d64300}": HOST["SoftwareProtectionPlatform"]}
    return {"SoftwareProtectionPlatform": {application: host}}


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
        ("Professional", below("55c92734-d682-4d71-983e-d6ec3f16059f"), True, True),
        ("Professional", below("0ff1ce15-a989-479d-af46-f275c6370663"), False, False),
        (
            "Professional",
            {"SoftwareProtectionPlatform": {"KeyManagementServiceName": 5}},
            False,
            False,
        ),
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


@pytest.mark.parametrize(
    ("software", "host"),
    [
        ({}, None),
        ({"Windows NT": {"CurrentVersion": HOST}}, None),
        ({"Windows NT": {"CurrentVersion": below("0ff1ce15-a989-479d-af46-f275c6370663")}},
         "kms.corp.example"),
        ({"OfficeSoftwareProtectionPlatform": HOST["SoftwareProtectionPlatform"]}, "kms.corp.example"),
    ],
)  # fmt: skip
def test_office_has_a_host_of_its_own(software: dict[str, Any], host: str | None) -> None:
    registry = session(Machine(software={"Microsoft": software})).registry
    assert licensing.office_host(registry) == host
