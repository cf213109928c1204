from __future__ import annotations

import struct
from typing import Any

import pytest

from reseal.providers.rdp_certificate import KEY_FILE
from reseal.testing.machine import Machine
from reseal.windows import certificates
from tests.builders import effect, session
from tests.checks.problems import THUMBPRINT
from tests.providers.judge import judged
from tests.providers.test_agents import nested

OTHER = "00" * 19 + "AB"
GUID = Machine().machine_guid
CONTAINER = "te-RSA-0b3d706b-9c5d-41e6"
FILE = f"{certificates.key_file_name(CONTAINER)}_{GUID}"
KEYS = r"ProgramData\Microsoft\Crypto"
WINSTATION = r"Control\Terminal Server\WinStations\RDP-Tcp"
LISTENER = r"Microsoft\Windows\CurrentVersion\WSMAN\Listener"
STORE = r"Microsoft\SystemCertificates\MY\Certificates"


def blob(container: str | None) -> bytes:
    """A certificate with its properties, as a store keeps it."""
    properties = [(3, b"hash" * 5), (32, b"certificate of DESKTOP-SAMPLE1")]
    if container is not None:
        texts = f"{container}\0Microsoft Software Key Storage Provider\0".encode("utf-16-le")
        properties.insert(
            1, (2, struct.pack("<7I", 28, 28 + 2 * len(container) + 2, 0, 32, 0, 0, 0) + texts)
        )
    return b"".join(struct.pack("<3I", number, 1, len(data)) + data for number, data in properties)


def machine(store: dict[str, bytes], **more: Any) -> Machine:
    """A machine with certificates, and a WinRM listener on the first of them."""
    software = nested(STORE, {name: {"Blob": data} for name, data in store.items()})
    first = next(iter(store), THUMBPRINT)
    software["Microsoft"]["Windows"] = nested(
        r"CurrentVersion\WSMAN\Listener",
        {"*+HTTPS": {"certThumbprint": first.lower(), "Port": 5986}, "*+HTTP": {"Port": 5985}},
    )
    return Machine(software=software, **more)


def test_the_name_of_a_key_file_is_that_of_the_known_one() -> None:
    assert f"{certificates.key_file_name('TSSecKeySet1')}_" == KEY_FILE


def test_certificate_key_and_listener_go_together() -> None:
    files = nested(rf"{KEYS}\RSA\MachineKeys", {FILE: b"key", f"{'0' * 32}_{GUID}": b"another"})
    done = judged(
        effect("machine-certificates", machine({THUMBPRINT: blob(CONTAINER)}, files=files))
    )
    assert done.changes == {
        rf"-{KEYS}\RSA\MachineKeys\{FILE}",
        f"SOFTWARE\\{STORE}\\{THUMBPRINT}\\", rf"SOFTWARE\{STORE}\{THUMBPRINT}\Blob",
        f"SOFTWARE\\{LISTENER}\\*+HTTPS\\", rf"SOFTWARE\{LISTENER}\*+HTTPS\certThumbprint",
        rf"SOFTWARE\{LISTENER}\*+HTTPS\Port",
    }  # fmt: skip


@pytest.mark.parametrize("content", [CONTAINER.encode(), b"head" + CONTAINER.encode("utf-16-le")])
def test_a_key_is_also_found_by_the_container_in_its_file(content: bytes) -> None:
    files = nested(rf"{KEYS}\Keys", {"any name": content, "other": b"te-RSA-of another"})
    done = effect("machine-certificates", machine({THUMBPRINT: blob(CONTAINER)}, files=files))
    assert {one for one in done.changes if one.startswith("-")} == {rf"-{KEYS}\Keys\any name"}


def test_a_key_that_another_certificate_uses_stays() -> None:
    files = nested(rf"{KEYS}\RSA\MachineKeys", {FILE: b"key"})
    store = {THUMBPRINT: blob(CONTAINER), OTHER: blob(CONTAINER)}
    done = effect("machine-certificates", machine(store, files=files))
    assert not [one for one in done.changes if one.startswith("-")]
    assert done.session.notes == [
        f"The private key of the certificate {THUMBPRINT} stays: another certificate uses it."
    ]


def test_bindings_of_iis_and_remote_desktop_go_in_every_control_set() -> None:
    value = bytes.fromhex(THUMBPRINT)
    control = {
        "Services": {"HTTP": {"Parameters": {"SslBindingInfo": {
            "0.0.0.0:443": {"SslCertHash": value, "SslCertStoreName": "WebHosting"},
            "[::]:80": {"DefaultFlags": 0}}}}},
        "Control": {"Terminal Server": {"WinStations": {
            "RDP-Tcp": {"SSLCertificateSHA1Hash": value, "PortNumber": 3389}}}},
    }  # fmt: skip
    one = Machine(system={"ControlSet001": control, "ControlSet002": control}, control_sets=(1, 2))
    done = judged(effect("machine-certificates", one))
    folder = r"Services\HTTP\Parameters\SslBindingInfo\0.0.0.0:443"
    assert done.changes == {
        path
        for number in (1, 2)
        for path in (
            f"SYSTEM\\ControlSet00{number}\\{folder}\\",
            rf"SYSTEM\ControlSet00{number}\{folder}\SslCertHash",
            rf"SYSTEM\ControlSet00{number}\{folder}\SslCertStoreName",
            rf"SYSTEM\ControlSet00{number}\{WINSTATION}\SSLCertificateSHA1Hash",
        )
    }


def test_a_second_run_and_a_machine_without_listeners_change_nothing() -> None:
    assert effect("machine-certificates").changes == set()
    one = session(machine({THUMBPRINT: blob(None)}))
    assert [each.service for each in certificates.listeners(one.registry)] == ["WinRM"]
    done = effect("machine-certificates", machine({THUMBPRINT: blob(None)}))
    assert certificates.listeners(done.after.registry) == []


@pytest.mark.parametrize("data", [b"", b"\2\0\0\0", struct.pack("<3I", 2, 1, 1 << 31) + b"x" * 50])
def test_a_broken_certificate_names_no_key(data: bytes) -> None:
    assert certificates.containers(data) == []
