from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect

KEY = r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate"


def test_the_ids_of_the_client_go_and_its_settings_and_store_stay() -> None:
    ids = {
        "AccountDomainSid": b"\1\4",
        "PingID": "1f2e",
        "SUSClientId": "8a0e6c1a",
        "SusClientIdValidation": b"\6\2",
    }
    update = {**ids, "Auto Update": {"AUOptions": 4}, "LastRestorePointSetTime": "x"}
    store = {"DataStore.edb": b"ESE", "Logs": {"edb.log": b"log"}}
    machine = Machine(
        software={"Microsoft": {"Windows": {"CurrentVersion": {"WindowsUpdate": update}}}},
        files={"Windows": {"SoftwareDistribution": {"DataStore": store}}},
    )
    assert effect("windows-update", machine).changes == {rf"{KEY}\{name}" for name in ids}
