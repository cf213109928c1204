"""Remote Desktop's self-signed certificate and its key."""

from __future__ import annotations

from reseal.providers.machine_guid import machine_guid
from reseal.providers.rdp_certificate import KEY_FILE, MACHINE_KEYS, rdp_certificate
from reseal.session import Session
from reseal.testing.machine import Machine
from reseal.testing.memory import MemoryTree
from tests.builders import session
from tests.providers.hardware import nested
from tests.providers.judge import judge, run

STORE = r"Microsoft\SystemCertificates"


def _session() -> Session:
    key = KEY_FILE + Machine().machine_guid
    listener = {"SelfSignedCertificate": bytes(20), "PortNumber": 3389}
    stations = {"Control": {"Terminal Server": {"WinStations": {"RDP-Tcp": listener}}}}
    return session(Machine(
        system={"ControlSet001": stations},
        software=nested({
            rf"{STORE}\Remote Desktop\Certificates\0AB1": {"Blob": b"rdp"},
            rf"{STORE}\MY\Certificates\0AB2": {"Blob": b"mine"},
        }),
        files={"ProgramData": {"Microsoft": {"Crypto": {"RSA": {"MachineKeys": {key: b"key"}}}}}},
    ))  # fmt: skip


def test_certificate_key_and_hash_go_and_all_others_stay() -> None:
    one = _session()
    before = {entry.name for entry in one.files.list(MACHINE_KEYS)}
    changed = run("rdp-certificate", one)
    store = rf"SOFTWARE\{STORE}\Remote Desktop\Certificates\0AB1"
    station = r"SYSTEM\ControlSet001\Control\Terminal Server\WinStations\RDP-Tcp"
    assert changed == {f"{store}\\", rf"{store}\Blob", rf"{station}\SelfSignedCertificate"}
    left = {entry.name for entry in one.files.list(MACHINE_KEYS)}
    assert before - left == {KEY_FILE + Machine().machine_guid}
    judge(one)


def test_the_key_goes_after_it_was_renamed_with_the_others_too() -> None:
    one = _session()
    machine_guid(one)
    rdp_certificate(one)
    tree = one.installation.tree
    assert isinstance(tree, MemoryTree)
    one.commit(tree)
    names = [entry.name for entry in tree.list(MACHINE_KEYS)]
    assert len(names) == 3
    assert not any(name.startswith(KEY_FILE) for name in names)
