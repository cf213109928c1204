"""A generalized Windows on new disks, judged by the tools of others and by real firmware."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest

from reseal.deploy import Firmware, Options, boot_code, deploy, resize_disk
from reseal.operations.deploy import complete
from reseal.operations.record import SCHEMA, owner
from reseal.regf import Hive
from reseal.report.page import render
from reseal.testing.firmware import bootable
from reseal.tree import COMPRESSED, SPARSE
from tests.deploy.firmware import bios, uefi
from tests.deploy.images import Parts, rich_image, taken_apart
from tests.end_to_end.judges import agreed, generalize
from tests.ntfs.judges import judge, judge_structure, run
from tests.wim import oracle
from tests.wim.jobs import capture

MIB, GIB = 1 << 20, 1 << 30
SIZE = GIB
HIVES = "Windows\\System32\\config\\"
#: What a capture leaves out, as DISM does.
LEFT_OUT = {"pagefile.sys", "swapfile.sys"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deploy")


@pytest.fixture(scope="module")
def image(folder: Path) -> Path:
    """The sample, generalized."""
    path = rich_image(folder / "image.qcow2")
    generalize(path)
    return path


@pytest.fixture(scope="module")
def source(image: Path, folder: Path) -> dict[str, oracle.Entry]:
    """What dissect.ntfs says of the sample's volume."""
    return oracle.volume(taken_apart(image, folder / "source").files[0])


@pytest.fixture(scope="module")
def wim(image: Path, source: object, folder: Path) -> Path:
    path = folder / "image.wim"
    capture(folder / "source" / "part1.raw", path, compression="xpress")
    if shutil.which("wimverify"):
        verdict = subprocess.run(["wimverify", path], check=True, capture_output=True, text=True)
        assert "successfully verified" in verdict.stdout
    return path


def made(
    source: Path, target: Path, firmware: Firmware, size: int = SIZE, **options: Any
) -> dict[str, Any]:
    return deploy(
        source, target, Options(size, firmware, describe=owner, **options), lambda _: None
    )


@pytest.fixture(scope="module", params=["wim uefi", "wim bios", "image uefi", "image bios"])
def disk(
    request: pytest.FixtureRequest, image: Path, wim: Path, folder: Path
) -> tuple[Path, dict[str, Any], Parts, Firmware]:
    """A disk of each kind: the file, the record, its parts, and what it starts from."""
    kind, name = request.param.split()
    target = folder / f"{kind}-{name}.qcow2"
    firmware = Firmware(name)
    record = made(wim if kind == "wim" else image, target, firmware)
    return target, record, taken_apart(target, folder / f"{kind}-{name}"), firmware


Disk = tuple[Path, dict[str, Any], Parts, Firmware]


def test_the_tables_are_read_by_sfdisk(disk: Disk) -> None:
    _, record, parts, firmware = disk
    rows = [(one["start"] * 512, one["size"] * 512) for one in parts.rows]
    assert rows == [(one["offset"], one["size"]) for one in record["partitions"]]
    assert all(start % MIB == 0 for start, _ in rows)
    types = [one["type"].lower() for one in parts.rows]
    if firmware is Firmware.UEFI:
        assert parts.table["label"] == "gpt"
        assert types == [
            "c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
            "e3c9e316-0b5c-4db8-817d-f92df00215ae",
            "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7",
        ]
        assert rows[0][1] == 260 * MIB
        assert rows[1][1] == 16 * MIB
    else:
        assert parts.table["label"] == "dos"
        assert types == ["7", "7"]
        assert [one.get("bootable", False) for one in parts.rows] == [True, False]
        assert rows[0][1] == 100 * MIB
    # No more than the alignment is left behind the last one.
    assert SIZE - sum(rows[-1]) <= MIB


def test_the_windows_volume_is_equal_to_the_source(
    disk: Disk, source: dict[str, oracle.Entry]
) -> None:
    """Tree, data, streams, descriptors, reparse points, short names, hard links, times."""
    path, record, parts, _ = disk
    applied = path.name.startswith("wim")
    # ntfssecaudit can't be asked of what libwim applies: it crashes, also where wimlib-imagex did it.
    (judge_structure if applied else judge)(parts.files[-1])
    found = oracle.volume(parts.files[-1])
    left_out = LEFT_OUT if applied else set()
    wanted = {
        name: replace(entry)
        for name, entry in source.items()
        if name not in left_out and not name.startswith("System Volume")
    }
    if applied:
        # libwim writes files plainly that were compressed by the file system.
        for entry in (*found.values(), *wanted.values()):
            entry.attributes &= ~(SPARSE | COMPRESSED)
    assert set(found) == set(wanted)
    assert record["changes"] == []
    assert [name for name, entry in wanted.items() if found[name] != entry] == []
    # The sample has what there is to compare.
    entries = list(wanted.values())
    assert any(entry.short_name and entry.short_name.endswith("~1.DLL") for entry in entries)
    assert any(len(entry.links) == 2 for entry in entries)
    assert any(entry.reparse for entry in entries)
    assert any(len(entry.streams) == 3 for entry in entries)
    assert len({entry.descriptor for entry in entries}) > 2


def test_the_volume_fills_its_partition_and_knows_its_place(disk: Disk) -> None:
    _, record, parts, firmware = disk
    places = {one["role"]: one for one in record["partitions"]}
    roles = ["windows"] if firmware is Firmware.UEFI else ["system", "windows"]
    files = parts.files[-1:] if firmware is Firmware.UEFI else parts.files
    for role, file in zip(roles, files, strict=True):
        with file.open("rb") as volume:
            first = volume.read(512)
            volume.seek(-512, 2)
            assert volume.read() == first
        assert struct.unpack_from("<I", first, 0x1C)[0] * 512 == places[role]["offset"]
        assert (struct.unpack_from("<Q", first, 0x28)[0] + 1) * 512 == places[role]["size"]


def _system_files(parts: Parts, firmware: Firmware, folder: Path) -> dict[str, bytes]:
    """What the system partition holds, as mtools or dissect.ntfs read it."""
    if firmware is Firmware.BIOS:
        judge(parts.files[0])
        found = oracle.volume(parts.files[0], root=False)
        return {name: one.streams[""] for name, one in found.items() if not one.directory}
    checked = run("fsck.vfat", "-n", parts.files[0])
    assert checked.returncode == 0, checked.stdout
    assert "Dirty" not in checked.stdout
    assert run("mcopy", "-s", "-i", parts.files[0], "::/", folder).returncode == 0
    return {
        str(one.relative_to(folder)).replace("/", "\\"): one.read_bytes()
        for one in folder.rglob("*")
        if one.is_file()
    }


def _expected(firmware: Firmware) -> dict[str, bytes]:
    """What bcdboot would place, of the sample's own files."""
    boot = bootable()["Windows"]["Boot"]
    found: dict[str, bytes] = {}

    def place(tree: dict[str, Any], target: str) -> None:
        for name, content in tree.items():
            if isinstance(content, dict):
                place(content, f"{target}\\{name}")
            else:
                found[f"{target}\\{name}"] = content

    top = r"EFI\Microsoft\Boot" if firmware is Firmware.UEFI else "Boot"
    place(boot["Fonts"], rf"{top}\Fonts")
    place(boot["Resources"], rf"{top}\Resources")
    if firmware is Firmware.UEFI:
        place(boot["EFI"], top)
        found[r"EFI\Boot\bootx64.efi"] = boot["EFI"]["bootmgfw.efi"]
    else:
        place(boot["PCAT"], top)
        found["bootmgr"] = found.pop(r"Boot\bootmgr")
        found["BOOTNXT"] = found.pop(r"Boot\bootnxt")
    return found


def test_the_system_partition_has_what_bcdboot_places(disk: Disk, tmp_path: Path) -> None:
    _, record, parts, firmware = disk
    found = _system_files(parts, firmware, tmp_path)
    store = found.pop(record["boot"]["store"])
    assert found == _expected(firmware)
    assert record["boot"]["files"] == len(found)
    _judge_store(store, parts, firmware)


def _judge_store(data: bytes, parts: Parts, firmware: Firmware) -> None:
    """Ask all independent readers of hives for the devices of the boot store."""
    tree = agreed(data)
    assert Hive.open(data).verify() == []

    def element(identifier: str, number: str) -> bytes:
        return tree[rf"Objects\{{{identifier}}}\Elements\{number}"]["Element"][1]

    manager = "9dea862c-5cdd-4e70-acc1-f32b344d4795"
    loader = element(manager, "23000003").decode("utf-16-le").strip("\0").strip("{}")
    system, windows = element(manager, "11000001"), element(loader, "21000001")
    assert element(loader, "11000001") == windows
    if firmware is Firmware.UEFI:
        disk = UUID(parts.table["id"]).bytes_le
        for device, row in ((system, parts.rows[0]), (windows, parts.rows[2])):
            assert device[32:48] == UUID(row["uuid"]).bytes_le
            assert device[56:72] == disk
        wanted = r"\EFI\Microsoft\Boot\bootmgfw.efi"
        assert element(manager, "12000002").decode("utf-16-le").strip("\0") == wanted
    else:
        signature = int(parts.table["id"], 16).to_bytes(4, "little")
        for device, row in ((system, parts.rows[0]), (windows, parts.rows[1])):
            assert int.from_bytes(device[32:40], "little") == row["start"] * 512
            assert device[56:60] == signature
    suffix = "efi" if firmware is Firmware.UEFI else "exe"
    path = element(loader, "12000002").decode("utf-16-le").strip("\0")
    assert path == rf"\Windows\system32\winload.{suffix}"
    name = element(loader, "12000004").decode("utf-16-le").strip("\0")
    assert name == "Windows 11"


def test_firmware_starts_the_boot_manager_that_was_placed(disk: Disk) -> None:
    """OVMF finds it by itself, SeaBIOS through the code in the MBR and in the volume."""
    path, _, _, firmware = disk
    if firmware is Firmware.UEFI:
        assert "reseal: stand-in for bootmgfw.efi" in uefi(path)
    else:
        assert "reseal: stand-in for bootmgr" in bios(path)


def test_the_record_says_what_is_known_and_what_is_not(disk: Disk) -> None:
    path, record, _, firmware = disk
    assert record["result"] == "deployed"
    assert record["image"] == {"path": str(path), "format": "qcow2", "size": SIZE}
    # The sample has no driver database.
    assert [one for one in record["warnings"] if "driver database" not in one] == []
    assert record["windows"]["product_name"] == "Windows 11 Pro"
    assert record["windows"]["drive"] == "C:"
    assert record["boot"]["locale"] == "en-US"
    notes = " ".join(record["notes"])
    if firmware is Firmware.UEFI:
        assert "no entry for this disk" in notes
    else:
        assert record["boot"]["mbr_code"] == record["boot"]["volume_code"] == "reseal's"
        assert "bootsect /nt60 SYS /mbr" in notes


def test_the_record_has_the_steps_of_every_run(disk: Disk) -> None:
    path, record, _, _ = disk
    steps = set(record["timings"])
    assert steps >= {"Laying out the disk", "Making it bootable", "Filling the system partition",
                     "Finishing the disk", "total"}  # fmt: skip
    assert ({"Writing", "Reading it back"} <= steps) is bool(record["changes"])
    filled = "Applying the image" if path.name.startswith("wim") else "Copying Windows"
    assert filled in steps
    assert all(0 <= seconds < 600 for seconds in record["timings"].values())


@pytest.mark.parametrize("journal", [True, False])
def test_what_a_journal_misses_is_told(tmp_path: Path, journal: bool) -> None:
    source, disk, larger = (tmp_path / f"{name}.qcow2" for name in ("source", "disk", "larger"))
    rich_image(source, journal=journal)
    record = made(source, disk, Firmware.UEFI, 1400 * MIB, recovery=True)
    assert any("USN journal" in note for note in record["notes"]) is journal
    record = resize_disk(disk, larger, 1800 * MIB, lambda _: None)
    assert any("USN journal" in note for note in record["notes"]) is journal
    assert set(record["timings"]) >= {"Writing", "Reading it back", "total"}


@pytest.mark.parametrize(
    "firmware", [Firmware.BIOS, pytest.param(Firmware.UEFI, marks=pytest.mark.judges)]
)
def test_a_recovery_partition_is_known_to_the_store_and_to_windows(
    wim: Path, folder: Path, tmp_path: Path, firmware: Firmware
) -> None:
    target = tmp_path / "disk.qcow2"
    record = made(wim, target, firmware, 2 * GIB, recovery=True)
    parts = taken_apart(target, tmp_path / "parts")
    row, volume = parts.rows[-1], parts.files[-1]
    judge(volume)
    found = oracle.volume(volume, root=False)
    place = r"Recovery\WindowsRE"
    recovery = bootable()["Windows"]["System32"]["Recovery"]
    assert found[rf"{place}\Winre.wim"].streams[""] == recovery["Winre.wim"]
    assert found[rf"{place}\boot.sdi"].streams[""].startswith(b"$SDI0001")
    windows = oracle.volume(parts.files[-2], root=False)
    agent = windows[r"Windows\System32\Recovery\ReAgent.xml"].streams[""].decode()
    assert f'path="\\{place}"' in agent
    assert f'offset="{row["start"] * 512}"' in agent
    assert '<InstallState state="1"/>' in agent
    if firmware is Firmware.UEFI:
        assert row["type"].lower() == "de94bba4-06d1-4d40-a16a-bfd50179d6ac"
        assert row["attrs"] == "RequiredPartition GUID:63"
        assert f'guid="{{{parts.table["id"].lower()}}}"' in agent
    else:
        assert row["type"] == "27"
        assert f'id="{int(parts.table["id"], 16)}"' in agent
    files = _system_files(parts, firmware, tmp_path / "system")
    tree = agreed(files[record["boot"]["store"]])
    loader = agent.partition('WinreBCD id="{')[2].partition("}")[0]
    assert rf"Objects\{{{loader}}}\Elements\46000010" in tree
    assert [change["target"] for change in record["changes"]] == [
        r"Windows\System32\Recovery\ReAgent.xml"
    ]


def test_a_copy_of_a_machine_keeps_its_letter_and_is_warned_of(tmp_path: Path) -> None:
    """Not generalized, in VM mode, under D: and with a mapping of the old disk."""
    image = rich_image(
        tmp_path / "image.qcow2",
        drive="D:",
        software={"reseal": {"Mode": "vm"}},
    )
    target = tmp_path / "disk.qcow2"
    record = made(image, target, Firmware.UEFI)
    assert record["windows"]["drive"] == "D:"
    generalized, mode, _ = record["warnings"]
    assert "is not generalized" in generalized
    assert "VM mode" in mode
    parts = taken_apart(target, tmp_path / "parts")
    hive = oracle.volume(parts.files[2], root=False)[f"{HIVES}SYSTEM"].streams[""]
    mounted = agreed(hive)["MountedDevices"]
    wanted = b"DMIO:ID:" + UUID(parts.rows[2]["uuid"]).bytes_le
    assert {name: value[1] for name, value in mounted.items()} == dict.fromkeys(mounted, wanted)
    assert r"\DosDevices\D:" in mounted


def test_code_of_windows_s_own_comes_along(tmp_path: Path) -> None:
    """A volume that Windows formatted has boot code in $Boot: the new system volume gets that."""
    image, raw = rich_image(tmp_path / "image.qcow2"), tmp_path / "image.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True)
    # Not Windows's code, but it looks like it to reseal, and starts as reseal's does.
    code = bytearray(boot_code.ntfs())
    code[0:2] = b"\xeb\x52"
    own = (
        bytes(code[:512]) + b"\7\0" + "BOOTMGR".encode("utf-16-le") + b"own code".ljust(7664, b"!")
    )
    with raw.open("r+b") as file:
        file.seek(MIB)
        old = file.read(0x54)
        file.seek(MIB)
        file.write(own[:3] + old[3:] + own[0x54:])
    target = tmp_path / "disk.qcow2"
    record = made(raw, target, Firmware.BIOS)
    assert record["boot"]["volume_code"] == "the image's"
    system = taken_apart(target, tmp_path / "parts").files[0].read_bytes()
    assert system[0x54:8192] == own[0x54:]
    assert struct.unpack_from("<I", system, 0x1C) == (2048,)


INF = """[Version]
Signature="$WINDOWS NT$"
Class=Net
ClassGuid={4d36e972-e325-11ce-bfc1-08002be10318}
Provider=%Name%
DriverVer=01/01/2024,1.0.0.0
CatalogFile=net.cat
[Manufacturer]
%Name%=Models,NTamd64.10.0
[Models.NTamd64.10.0]
%Name%=Install,PCI\\VEN_1AF4&DEV_1000
[Install.NT]
CopyFiles=Files
[Files]
net.sys
[DestinationDirs]
DefaultDestDir=13
[SourceDisksNames]
1=%Name%
[SourceDisksFiles]
net.sys=1
[Strings]
Name="Example"
"""


def test_driver_packages_go_into_the_windows(wim: Path, tmp_path: Path) -> None:
    """The everyday move from another hypervisor; what packages become: `reseal.drivers`."""
    drivers, target = tmp_path / "drivers", tmp_path / "disk.qcow2"
    drivers.mkdir()
    for name, data in (("net.inf", INF.encode()), ("net.sys", b"MZ"), ("net.cat", b"cat")):
        (drivers / name).write_bytes(data)
    record = made(wim, target, Firmware.UEFI, drivers=drivers)
    (package,) = record["drivers"]
    assert (package["inf"], package["outcome"]) == ("net.inf", "staged")
    windows = oracle.volume(taken_apart(target, tmp_path / "parts").files[2], root=False)
    staged = [name for name in windows if name.startswith("Windows\\Drivers\\reseal\\net")]
    assert {name.rpartition("\\")[2] for name in staged} >= {"net.inf", "net.sys", "net.cat"}


def test_the_record_can_be_kept(disk: Disk) -> None:
    text = resources.files("reseal.report").joinpath("schema", f"{SCHEMA}.json").read_text("utf-8")
    record = complete(disk[1])
    jsonschema.validate(json.loads(json.dumps(record)), json.loads(text))
    page = render(record)
    assert str(disk[0]) in page
    assert "is made for " in page


@pytest.mark.parametrize("suffix", [".vhdx", ".vmdk", ".raw"])
def test_other_formats(wim: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"disk{suffix}"
    assert made(wim, target, Firmware.BIOS)["image"]["format"] == suffix[1:]
    if suffix == ".raw":
        assert "reseal: stand-in for bootmgr" in bios(target)
    info = subprocess.run(["qemu-img", "info", target], check=True, capture_output=True, text=True)
    assert "virtual size: 1 GiB" in info.stdout
