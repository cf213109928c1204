"""The identifier of the SMB server."""

from __future__ import annotations

import uuid

import pytest

from reseal.testing.machine import Machine
from tests.builders import session
from tests.providers.judge import judge, run

PATH = r"HKLM\SYSTEM\{}\Services\LanmanServer\Parameters"


def test_the_identifier_is_new_and_the_same_in_every_control_set() -> None:
    server = {"Services": {"LanmanServer": {"Parameters": {"Guid": bytes(16), "Size": 1}}}}
    one = session(Machine(
        system={"ControlSet001": server, "ControlSet002": server}, control_sets=(1, 2)))  # fmt: skip
    assert run("smb-server-guid", one) == {
        rf"SYSTEM\ControlSet00{number}\Services\LanmanServer\Parameters\Guid" for number in (1, 2)
    }
    first = one.registry.value(PATH.format("ControlSet001"), "Guid")
    assert isinstance(first, bytes)
    assert uuid.UUID(bytes_le=first).version == 4
    assert first == one.registry.value(PATH.format("ControlSet002"), "Guid")
    judge(one)


@pytest.mark.parametrize("guid", [b"", bytes(15), "text"])
def test_a_value_of_another_size_is_left_alone(guid: object) -> None:
    server = {"LanmanServer": {"Parameters": {"Guid": guid}}}
    one = session(Machine(system={"ControlSet001": {"Services": server}}))
    assert run("smb-server-guid", one) == set()
