from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect

STORE = r"Windows\Performance\WinSAT\DataStore"


def test_measurements_go_and_those_made_for_images_stay() -> None:
    store = {
        "2024-01-01 10.00.00.000 Formal.Assessment (Recent).WinSAT.xml": b"<WinSAT/>",
        "2024-01-01 10.00.00.000 Cpu.Assessment (Prepop).WinSAT.xml": b"<WinSAT/>",
    }
    machine = Machine(files={"Windows": {"Performance": {"WinSAT": {
        "DataStore": store, "winsat.log": b"log",
    }}}})  # fmt: skip
    assert effect("winsat", machine).changes == {
        rf"-{STORE}\2024-01-01 10.00.00.000 Formal.Assessment (Recent).WinSAT.xml"
    }
