"""Images with what has killed images, each generalized and judged by other people's tools."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reseal.disk import FileDevice
from reseal.ntfs import Volume
from reseal.regf import Hive
from reseal.testing.machine import Machine, action_file, system_hive, tree
from reseal.testing.volumes import WOF_XPRESS4K, File, populate
from reseal.testing.windows import windows
from tests.end_to_end import judges
from tests.oracles import hivex
from tests.wim.test_wof import compress

WOF_TAG = 0x80000017
STATE_INI = r"Windows\Setup\State\State.ini"
SYSTEM = judges.HIVES["SYSTEM"]


def _generalized(
    machine: Machine, tmp_path: Path, *, partitioned: bool = True
) -> tuple[judges.Volume, dict[str, Any]]:
    image = tmp_path / "image.qcow2"
    windows(image, machine, partitioned=partitioned)
    record = judges.generalize(image)
    return judges.Volume.of(image, tmp_path), record


def test_two_control_sets_are_both_changed(tmp_path: Path) -> None:
    """A real Windows 7 has Current 1 and LastKnownGood 2: the old identity would come back."""
    volume, _ = _generalized(Machine(control_sets=(1, 2)), tmp_path)
    tree_ = hivex(volume.read(SYSTEM))
    names = set()
    for control_set in ("ControlSet001", "ControlSet002"):
        kind, data = tree_[rf"{control_set}\Control\ComputerName\ComputerName"]["ComputerName"]
        names.add(data.decode("utf-16-le").rstrip("\0"))
        kind, data = tree_[rf"{control_set}\Control\Session Manager"]["SETUPEXECUTE"]
        assert (kind, data.decode("utf-16-le")) == (7, "setupcl.exe\0\0")
        assert "Dhcpv6DUID" not in tree_[rf"{control_set}\Services\Tcpip6\Parameters"]
    assert len(names) == 1
    assert Machine().computer_name not in names


def test_machine_keys_are_renamed_with_machine_guid(tmp_path: Path) -> None:
    volume, _ = _generalized(Machine(), tmp_path)
    software = hivex(volume.read(judges.HIVES["SOFTWARE"]))
    guid = software[r"Microsoft\Cryptography"]["MachineGuid"][1].decode("utf-16-le").rstrip("\0")
    listed = subprocess.run(
        ["ntfsls", "-p", "/ProgramData/Microsoft/Crypto/RSA/MachineKeys", volume.path],
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    keys = [name for name in listed if name not in {".", ".."}]
    assert len(keys) == 3
    assert all(name.endswith(f"_{guid}") for name in keys)


def test_a_wof_compressed_file_loses_its_reparse_point_and_stream(tmp_path: Path) -> None:
    wof = File(reparse=(WOF_TAG, WOF_XPRESS4K), streams={"WofCompressedData": b"x" * 500}, hole=600)
    files = {"Windows": {"Setup": {"State": {"State.ini": wof}}}}
    volume, _ = _generalized(Machine(files=files), tmp_path)
    assert b"GENERALIZE_RESEAL_TO_OOBE" in volume.read(STATE_INI)
    shown = subprocess.run(
        ["ntfsinfo", "-F", "/" + STATE_INI.replace("\\", "/"), volume.path],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "$REPARSE_POINT" not in shown
    assert "WofCompressedData" not in shown
    assert volume.is_clean()


def test_an_action_file_that_compactos_compressed_is_read_all_the_same(tmp_path: Path) -> None:
    plan = action_file(22631)
    stored = File(
        reparse=(WOF_TAG, WOF_XPRESS4K), streams={"WofCompressedData": compress(plan, 0)},
        hole=len(plan),
    )  # fmt: skip
    folder = {"ActionFiles": {"Generalize.xml": stored}}
    files = {"Windows": {"System32": {"Sysprep": folder}}}
    _, record = _generalized(Machine(files=files), tmp_path)
    assert len(record["coverage"]["declarative"]) == 9


def test_lznt1_compressed_files_are_rewritten_whole(tmp_path: Path) -> None:
    files = {
        "Windows": {
            "Setup": {"State": {"State.ini": File(b"[State]\r\n" * 900, compressed=True)}},
            "System32": {"config": {"SYSTEM": File(system_hive(Machine()), compressed=True)}},
        }
    }
    volume, record = _generalized(Machine(files=files), tmp_path)
    assert volume.read(STATE_INI).endswith(b"GENERALIZE_RESEAL_TO_OOBE\r\n")
    after = judges.agreed(volume.read(SYSTEM))
    before = judges.agreed(system_hive(Machine()))
    assert judges.unexplained(before, after, record["changes"], "SYSTEM") == set()
    assert volume.is_clean()


def test_a_bare_volume_is_not_taken_for_a_partition_table(tmp_path: Path) -> None:
    volume, record = _generalized(Machine(), tmp_path, partitioned=False)
    assert record["windows"]["volume"] == 1
    assert b"GENERALIZE" in volume.read(STATE_INI)
    assert volume.is_clean()


def test_stale_log_entries_can_not_continue_the_new_sequence(tmp_path: Path) -> None:
    """Logs of an older time, whose numbers begin where a careless writer would go on."""
    hive = bytearray(system_hive(Machine()))
    (number,) = struct.unpack_from("<I", hive, 4)
    log = bytearray(hive[:512]) + struct.pack(
        "<4sIIIII", b"HvLE", 512, 0, number + 1, len(hive) - 4096, 0
    ).ljust(512, b"\0")
    config = {"SYSTEM": bytes(hive), "SYSTEM.LOG1": bytes(log), "SYSTEM.LOG2": bytes(log)}
    files = {"Windows": {"System32": {"config": config}}}
    volume, _ = _generalized(Machine(files=files), tmp_path)
    written = volume.read(SYSTEM)
    first, second = struct.unpack_from("<II", written, 4)
    assert first == second > number + 1
    assert volume.read(f"{SYSTEM}.LOG1") == volume.read(f"{SYSTEM}.LOG2") == b""
    assert not Hive.open(written).recovery.dirty


def test_the_flags_and_ids_of_a_hive_are_kept(tmp_path: Path) -> None:
    """Bit 0 of the flags is set in real SYSTEM hives; ids belong to the transaction manager."""
    hive = bytearray(system_hive(Machine()))
    hive[112:144] = bytes(range(32))
    struct.pack_into("<I", hive, 144, 1)
    hive[148:164] = bytes(range(16))
    words = struct.unpack("<127I", hive[:508])
    checksum = 0
    for word in words:
        checksum ^= word
    struct.pack_into("<I", hive, 508, checksum)
    files = {"Windows": {"System32": {"config": {"SYSTEM": bytes(hive)}}}}
    volume, _ = _generalized(Machine(files=files), tmp_path)
    assert volume.read(SYSTEM)[112:164] == bytes(hive[112:164])


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["generalize"], []),
        (["generalize"], ["--disable", "restore-points"]),
        (["boot"], ["--audit"]),
        (["customize"], ["--write", "/note.txt:1"]),
        (["specialize"], ["--computer-name", "WS-1"]),
    ],
    ids=" ".join,
)
def test_shadow_copies_of_a_volume_made_by_windows_are_given_up_by_every_write(
    corpus: Path, tmp_path: Path, command: list[str], options: list[str]
) -> None:
    raw, image = tmp_path / "vss.raw", tmp_path / "vss.qcow2"
    source = corpus / "images" / "vsstest.qcow2"
    subprocess.run(["qemu-img", "convert", "-O", "raw", source, raw], check=True)
    assert "Number of stores:\t2" in _vshadowinfo(raw)
    device = FileDevice(raw, read_only=False)
    with Volume.open(device, read_only=False, name="vss") as volume:
        spec = tree(Machine())
        populate(volume, {name: spec[name] for name in ("Windows", "Users", "ProgramData")})
    device.close()
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True)
    raw.unlink()
    record = json.loads(judges.reseal(*command, image, *options, "--json").stdout)
    kinds = [one["kind"] for one in record["changes"]]
    assert kinds.count("discard_shadow_copies") == 1
    assert any("shadow copies" in note and "are deleted" in note for note in record["notes"])
    result = judges.Volume.of(image, tmp_path)
    assert "Number of stores:\t0" in _vshadowinfo(result.path)
    assert result.is_clean()


def _vshadowinfo(path: Path) -> str:
    done = subprocess.run(["vshadowinfo", path], check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_the_answer_file_in_panther_stays_and_its_passes_run_again(tmp_path: Path) -> None:
    path = r"Windows\Panther\unattend.xml"
    before = tree(Machine())["Windows"]["Panther"]["unattend.xml"]
    volume, _ = _generalized(Machine(), tmp_path)
    assert b' wasPassProcessed="true"' in before
    assert volume.read(path) == before.replace(b' wasPassProcessed="true"', b"")


def test_disk_and_volume_ids_are_kept(tmp_path: Path) -> None:
    golden, image = tmp_path / "golden.raw", tmp_path / "image.raw"
    windows(golden)
    shutil.copyfile(golden, image)
    judges.generalize(image)
    tables = [
        subprocess.run(
            ["sfdisk", "--dump", path], check=True, capture_output=True, text=True
        ).stdout.replace(str(path), "")
        for path in (golden, image)
    ]
    assert tables[0] == tables[1]
    # The boot sector of the volume, with its serial number.
    assert golden.read_bytes()[1 << 20 : (1 << 20) + 512] == image.read_bytes()[1 << 20 :][:512]
