"""Every machine in every mode and format: what verify says of it, and what other people's readers say.

These are many runs. They belong to `make judges`; the rest of the suite has one of each kind.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from dissect.ntfs import NTFS

from reseal.regf import Hive
from reseal.testing import real
from reseal.testing.disks import convert
from reseal.testing.machine import Machine
from reseal.windows import Sid
from tests.end_to_end import composed, judges
from tests.end_to_end.test_verify import verify

pytestmark = [pytest.mark.judges, pytest.mark.corpus]

#: A name of 15 letters that occurs nowhere by chance.
NAME = "QXJZKVWPLMTRBHD"
IN_USE = "in use"
#: Size of a hive that all readers see only in one mode.
_LARGE = 1 << 20
MODES = {"pending": "as after Sysprep", "new": "clean", "both": "clean"}


@dataclass(frozen=True)
class Kept:
    """A machine that was made once, as a raw disk, and what identifies it."""

    disk: Path
    computer_name: str
    sid: str


@pytest.fixture(scope="module")
def machines(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kept]:
    """The machines, to be copied."""
    folder = tmp_path_factory.mktemp("machines")
    made = {IN_USE: Kept(folder / "in-use.raw", NAME, str(Machine().sid))}
    real.machine(made[IN_USE].disk, Machine(computer_name=NAME))
    for number, (name, what) in enumerate(composed.MACHINES.items()):
        made[name] = Kept(folder / f"{number}.raw", what.computer_name, str(what.sid))
        composed.build(corpus, name, made[name].disk)
    return made


every_machine = pytest.mark.parametrize("machine", [IN_USE, *composed.MACHINES])
every_mode = pytest.mark.parametrize("mode", MODES)


@every_machine
@every_mode
@pytest.mark.parametrize("suffix", ["qcow2", "raw"])
def test_verify_says_what_it_found(
    machine: str, mode: str, suffix: str, machines: dict[str, Kept], tmp_path: Path
) -> None:
    image, identity = tmp_path / f"image.{suffix}", tmp_path / "identity.json"
    convert(machines[machine].disk, image, suffix)
    judges.generalize(image, "--sid", mode, "--all-volumes", "--save-identity", identity)
    before = image.read_bytes()
    for arguments in ((), ("--identity", identity)):
        assert verify(image, *arguments, clean=True)["result"] == MODES[mode]
        verify(image, *arguments, "--strict", clean=MODES[mode] == "clean")
    again = judges.generalize(image, "--sid", mode, "--all-volumes")
    assert (again["result"], again["changes"]) == ("already generalized", [])
    assert image.read_bytes() == before


@every_machine
@every_mode
def test_all_readers_agree_with_the_record(
    machine: str, mode: str, machines: dict[str, Kept], tmp_path: Path
) -> None:
    kept = machines[machine]
    image = tmp_path / "image.raw"
    shutil.copyfile(kept.disk, image)
    before = dict(_hives(image))
    named, seen = _target_info(image), _registry(before, tmp_path)
    record = judges.generalize(image, "--sid", mode, "--all-volumes")
    after = dict(_hives(image))
    written = [path for path, data in after.items() if before.get(path) != data]
    for system in ("SYSTEM", "SOFTWARE"):
        assert f"0/Windows/System32/config/{system}" in written
    for path in written:
        # Readers need many seconds for a real SYSTEM, which is the same in all modes but for the request.
        if mode == "both" or len(after[path]) < _LARGE:
            assert judges.agreed(after[path]), path
        assert Hive.open(after[path]).verify() == [], path
    for number, volume in enumerate(_cut(image, tmp_path)):
        assert judges.Volume(volume).is_clean(), number

    sid = record["sid"]["new"] if mode != "pending" else kept.sid
    assert named["hostname"].upper() == seen["name"].upper() == kept.computer_name
    assert any(one.startswith(kept.sid) for one in seen["sids"] | seen["profiles"])
    found = _registry(after, tmp_path)
    info = _target_info(image)
    assert info["hostname"].upper() == found["name"].upper() != kept.computer_name
    assert info["os_version"] == named["os_version"]
    gone = {one.replace(kept.sid, sid) for one in seen["sids"]} ^ found["sids"]
    # A member of a domain leaves it, and the domain's accounts leave the groups, as the record says.
    told = json.dumps([one for one in record["changes"] if r"HKLM\SAM" in one["target"]])
    for one in gone:
        assert one in told
    assert found["profiles"] == {one.replace(kept.sid, sid) for one in seen["profiles"]}
    assert found["hashes"] == seen["hashes"]


@every_machine
def test_a_scan_of_the_raw_disk_finds_neither_sid_nor_name(
    machine: str, machines: dict[str, Kept], tmp_path: Path
) -> None:
    """A MAC address may stay in SYSTEM, in keys of absent devices that verify names."""
    kept = machines[machine]
    image, identity = tmp_path / "image.raw", tmp_path / "identity.json"
    shutil.copyfile(kept.disk, image)
    judges.generalize(
        image, "--sid", "both", "--all-volumes", "--wipe-free", "--save-identity", identity
    )
    before, data = kept.disk.read_bytes(), image.read_bytes()
    for text in (kept.sid[2:], kept.computer_name):
        for form in (text.encode(), text.lower().encode(), text.encode("utf-16-le")):
            assert form not in data, form
    binary = Sid.parse(kept.sid).to_bytes()[12:]
    assert binary in before
    assert binary not in data
    addresses = json.loads(identity.read_text())["mac_addresses"]
    assert addresses or machine == IN_USE
    (system,) = (hive for path, hive in _hives(image) if path.endswith("config/SYSTEM"))
    for address in addresses:
        plain = address.replace("-", "")
        assert bytes.fromhex(plain) not in data, address
        for text in (plain, plain.lower(), address, address.lower(), address.replace("-", ":")):
            for form in (text.encode(), text.encode("utf-16-le")):
                assert data.count(form) == system.count(form), form
    assert verify(image, "--identity", identity, "--deep", "--strict", clean=True)


def _partitions(disk: Path) -> Iterator[tuple[int, int]]:
    """Offset and size of each NTFS volume, that of Windows first."""
    shown = subprocess.run(["sfdisk", "--json", disk], check=True, capture_output=True)
    table = json.loads(shown.stdout)["partitiontable"]["partitions"]
    with disk.open("rb") as file:
        for one in sorted(table, key=lambda one: -one["size"]):
            start, size = one["start"] * 512, one["size"] * 512
            file.seek(start + 3)
            if file.read(4) == b"NTFS":
                yield start, size


def _cut(disk: Path, folder: Path) -> Iterator[Path]:
    for number, (start, size) in enumerate(_partitions(disk)):
        volume = folder / f"volume-{number}"
        subprocess.run(
            ["dd", f"if={disk}", f"of={volume}", "bs=1M", "iflag=skip_bytes,count_bytes",
             f"skip={start}", f"count={size}", "conv=sparse", "status=none"],
            check=True,
        )  # fmt: skip
        yield volume


def _hives(disk: Path) -> Iterator[tuple[str, bytes]]:
    """Every hive of every volume, as dissect.ntfs reads it: no logs, and no backups, which are stubs."""
    for number, volume in enumerate(_cut(disk, disk.parent)):
        with volume.open("rb") as file:
            for path, data in _files(file):
                if data.startswith(b"regf") and not re.search(r"\.LOG[12]?$|/RegBack/", path):
                    yield f"{number}/{path}", data


def _files(volume: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    folders = [("", NTFS(volume).mft.root)]
    while folders:
        place, folder = folders.pop()
        for name, entry in folder.listdir().items():
            if name.startswith("$") or name == ".":
                continue
            record = entry.dereference()
            if record.is_dir():
                folders.append((f"{place}{name}/", record))
            else:
                with record.open() as stream:
                    start = stream.read(4)
                    yield place + name, start + (stream.read() if start == b"regf" else b"")


def _registry(hives: dict[str, bytes], folder: Path) -> dict[str, Any]:
    """What regripper and impacket say of the machine and its accounts."""
    files = {}
    for name in ("SYSTEM", "SOFTWARE", "SAM", "SECURITY"):
        files[name] = folder / name
        files[name].write_bytes(hives[f"0/Windows/System32/config/{name}"])
    profiles = _regripper(files["SOFTWARE"], "profilelist")
    (name,) = set(re.findall(r"ComputerName\s+= (\S+)", _regripper(files["SYSTEM"], "compname")))
    return {
        "name": name,
        "sids": set(re.findall(r"S-1-5-21(?:-\d+){3}", _regripper(files["SAM"], "samparse"))),
        "profiles": set(re.findall(r"S-1-5-21(?:-\d+){4}", profiles)),
        "hashes": _secrets(files),
    }


def _regripper(hive: Path, plugin: str) -> str:
    done = subprocess.run(
        ["regripper", "-r", hive, "-p", plugin], check=True, capture_output=True, text=True,
        errors="replace",
    )  # fmt: skip
    return done.stdout


def _secrets(files: dict[str, Path]) -> set[str]:
    """Lines of accounts and their hashes, as impacket's secretsdump reads them."""
    options = [f"-{name.lower()}={files[name]}" for name in ("SYSTEM", "SAM", "SECURITY")]
    script = Path(sys.executable).with_name("secretsdump.py")
    done = subprocess.run(
        [sys.executable, script, *options, "LOCAL"], capture_output=True, text=True, check=True
    )
    return {line for line in done.stdout.splitlines() if line.count(":") >= 6}


def _target_info(disk: Path) -> dict[str, Any]:
    """What dissect.target says of a whole disk."""
    script = Path(sys.executable).with_name("target-info")
    done = subprocess.run(
        [sys.executable, script, "--json", disk], capture_output=True, text=True, check=True
    )
    info: dict[str, Any] = json.loads(done.stdout)
    return info
