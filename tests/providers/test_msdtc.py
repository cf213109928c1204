from __future__ import annotations

import itertools

from reseal.testing.machine import Machine
from tests.builders import effect

UI = "205BD32C-B022-4D0C-AA3E-2E5DC65C6D35"
TM = "b2aefacb-85d1-46b8-8047-7bb88e08d38a"
NEW_UI = "01010101-0101-4101-8101-010101010101"
NEW_TM = "02020202-0202-4202-8202-020202020202"
CLASSES = "SOFTWARE\\Classes"


def test_every_contact_gets_a_new_guid_and_keeps_what_it_holds() -> None:
    def contact(name: str) -> dict[str, object]:
        return {"Description": {"": name}, "CustomProperties": {"Log": {"Path": {"": r"C:\x"}}}}

    numbers = itertools.count(1)
    machine = Machine(software={"Classes": {
        "CID": {TM: contact("MSDTC"), UI: contact("MSDTCUIS"), "Other": {"a": 1}},
        "CID.Local": {TM: contact("MSDTC")},
    }})  # fmt: skip
    done = effect("msdtc", machine, random=lambda size: bytes([next(numbers)]) * size)
    moved = (("CID", UI, NEW_UI), ("CID", TM, NEW_TM), ("CID.Local", TM, NEW_TM))
    below = ("", "Description\\", "CustomProperties\\", "CustomProperties\\Log\\",
             "CustomProperties\\Log\\Path\\")  # fmt: skip
    assert done.changes == {
        f"{CLASSES}\\{tree}\\{name}\\{path}"
        for tree, *both in moved
        for name in both
        for path in below
    }
    assert done.after.registry.text(rf"HKLM\{CLASSES}\CID\{NEW_UI}\Description", "") == "MSDTCUIS"
