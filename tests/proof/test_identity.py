"""The identity of a machine, and the file that keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reseal.errors import UsageError
from reseal.proof.identity import Kind, MachineIdentity
from reseal.testing.machine import Machine
from tests.builders import session

DUID = bytes.fromhex("0001 0001 2a0b0c0d 00155d010203")


def _machine() -> Machine:
    parameters = {"Tcpip6": {"Parameters": {"Dhcpv6DUID": DUID}}}
    adapter = {
        "{4d36e972-e325-11ce-bfc1-08002be10318}": {"0001": {"NetworkAddress": "02AABBCCDDEE"}}
    }
    kernel = {"{1}": {"Kernel": {"PermanentAddress": bytes(6), "CurrentAddress": bytes(range(6))}}}
    control = {"Class": adapter, "NetworkSetup2": {"Interfaces": kernel}}
    return Machine(system={"ControlSet001": {"Services": parameters, "Control": control}})


def test_all_that_the_registry_tells_is_found() -> None:
    identity = MachineIdentity.of(session(_machine()).installation)
    assert identity.machine_sid == str(Machine().sid)
    assert identity.computer_name == Machine().computer_name
    assert identity.machine_guid == Machine().machine_guid
    assert identity.mac_addresses == ("00-01-02-03-04-05", "00-15-5D-01-02-03", "02-AA-BB-CC-DD-EE")
    assert {kind for kind, _ in identity.items()} == {
        Kind.SID, Kind.NAME, Kind.MACHINE_GUID, Kind.MAC,
    }  # fmt: skip


def test_a_file_keeps_it(tmp_path: Path) -> None:
    identity = MachineIdentity.of(session(_machine()).installation)
    path = tmp_path / "identity.json"
    path.write_text(identity.to_text())
    assert MachineIdentity.load(path) == identity


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "not an identity file"),
        ({"format": "x"}, "not an identity file"),
        ({"version": 9}, "version 9"),
        ({"machine_sid": "S-1-5-18"}, "not a machine SID"),
        ({"machine_sid": "S-1-5-21-1-2"}, "not a machine SID"),
        ({"machine_sid": "nobody"}, "not a machine SID"),
        ({"computer_name": 7}, "not a short text"),
        ({"computer_name": "x" * 1000}, "not a short text"),
        ({"computer_name": ["x"]}, "not a short text"),
        ({"mac_addresses": "x"}, "not a list"),
        ({"mac_addresses": ["x"] * 2000}, "not a list"),
        ({"user_names": [{}]}, "not a list"),
    ],
)
def test_anything_else_is_refused(data: object, said: str, tmp_path: Path) -> None:
    if isinstance(data, dict):
        data = {"format": "reseal identity", "version": 1, **data}
    path = tmp_path / "identity.json"
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError, match=said):
        MachineIdentity.load(path)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match="can't be used"):
        MachineIdentity.load(path)
