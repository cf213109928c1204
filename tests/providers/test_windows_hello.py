from __future__ import annotations

from reseal.testing.machine import Machine
from tests.builders import effect
from tests.providers.test_agents import files

NGC = r"Windows\ServiceProfiles\LocalService\AppData\Local\Microsoft\Ngc"
PCPKSP = r"ProgramData\Microsoft\Crypto\PCPKSP"


def test_containers_and_keys_of_the_tpm_go() -> None:
    machine = Machine(files=files(
        rf"{NGC}\{{1}}\1.dat", rf"{PCPKSP}\0a1b\2c.PCPKEY", rf"{PCPKSP}\0a1b\note.txt",
        r"ProgramData\Microsoft\Crypto\Keys\3d.PCPKEY",
    ))  # fmt: skip
    assert effect("windows-hello", machine).changes == {
        rf"-{NGC}\{{1}}", rf"-{NGC}\{{1}}\1.dat", rf"-{PCPKSP}\0a1b\2c.PCPKEY"
    }  # fmt: skip
    assert effect("windows-hello").changes == set()
