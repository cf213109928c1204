"""The sample of a machine in use: what it must have, as other people's readers see it."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reseal.testing import real
from reseal.testing.machine import Machine, tree
from reseal.testing.volumes import Folder
from tests.end_to_end.judges import agreed
from tests.ntfs.judges import judge


def _content(spec: Any, *path: str) -> Any:
    for name in path:
        spec = (spec.entries if isinstance(spec, Folder) else spec)[name]
    return spec


CLASSES = ("AppData", "Local", "Microsoft", "Windows", "UsrClass.dat")


@pytest.mark.parametrize("firmware", ["uefi", "bios"])
def test_both_volumes_are_sound_and_their_letters_name_them(firmware: Any, tmp_path: Path) -> None:
    image = tmp_path / "machine.raw"
    made = real.machine(image, firmware=firmware)
    shown = subprocess.run(["sfdisk", "--json", image], check=True, capture_output=True, text=True)
    table = json.loads(shown.stdout)["partitiontable"]
    *_, windows, data = table["partitions"]
    for partition in (windows, data):
        volume = tmp_path / "volume"
        with image.open("rb") as disk:
            disk.seek(partition["start"] * 512)
            volume.write_bytes(disk.read(partition["size"] * 512))
        judge(volume)

    mounted = made.system["MountedDevices"]
    for letter, partition in (("C:", windows), ("D:", data)):
        value = mounted[rf"\DosDevices\{letter}"]
        if firmware == "uefi":
            assert value[:8] == b"DMIO:ID:"
            first, *_ = struct.unpack_from("<IHH", value, 8)
            assert f"{first:08X}" == partition["uuid"].partition("-")[0]
        else:
            assert int(table["id"], 16) == int.from_bytes(value[:4], "little")
            assert partition["start"] * 512 == int.from_bytes(value[4:], "little")


@pytest.mark.parametrize("users", [("Alice", "Bob"), ("Alice",), ("Zoë", "Bob", "Eve")])
def test_readers_agree_on_its_hives_and_find_the_sid_in_each(users: tuple[str, ...]) -> None:
    model = Machine(users=users)
    made = real.used(model)
    files = tree(made)
    numbers = model.sid.to_bytes()[8:]
    config = files["Windows"]["System32"]["config"]
    for name in ("SYSTEM", "SOFTWARE", "BBI"):
        assert agreed(config[name])
    assert numbers in config["BBI"]
    for user in users:
        home = files["Users"][user]
        classes = _content(home, *CLASSES)
        walked = agreed(classes)
        assert numbers in classes
        assert any(str(model.sid) in key for key in walked)
        assert numbers in _content(home, "NTUSER.DAT")
    assert numbers in _content(real.second(made), "Users", real.CAROL, "NTUSER.DAT")


def test_what_a_model_says_is_laid_over_what_a_machine_in_use_has() -> None:
    model = Machine(files={"own.txt": b"own"}, system={"Setup": {"Upgrade": None}})
    made = real.used(model, second_volume=False, pending_renames=0)
    assert tree(made)["own.txt"] == b"own"
    config = ("Windows", "System32", "config", "SYSTEM")
    upgraded = tree(real.used(second_volume=False, pending_renames=0))
    assert any(key.endswith(r"Setup\Upgrade") for key in agreed(_content(upgraded, *config)))
    assert not any(r"Setup\Upgrade" in key for key in agreed(_content(tree(made), *config)))
    assert r"\DosDevices\D:" not in made.system["MountedDevices"]
