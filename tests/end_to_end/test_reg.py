"""`reseal reg` on images: the same commands as on hive files, through the same transaction."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from reseal.testing.hives import hive
from reseal.testing.machine import Machine
from reseal.testing.windows import windows
from tests.end_to_end import judges
from tests.oracles import hivex

NAME = r"Control\ComputerName\ComputerName"
CURRENT = rf"HKLM\SYSTEM\CurrentControlSet\{NAME}"


def test_a_value_is_read_and_set_in_every_control_set(tmp_path: Path) -> None:
    image = tmp_path / "image.qcow2"
    windows(image, Machine(control_sets=(1, 2)))
    shown = judges.reseal("reg", "query", image, CURRENT, "--value", "ComputerName", "--json")
    assert json.loads(shown.stdout)["data"] == Machine().computer_name, shown.stderr
    done = judges.reseal("reg", "set", image, CURRENT, "ComputerName", "NEW-NAME")
    assert done.returncode == 0, done.stderr
    volume = judges.Volume.of(image, tmp_path)
    assert volume.is_clean()
    tree = hivex(volume.read(judges.HIVES["SYSTEM"]))
    for control_set in ("ControlSet001", "ControlSet002"):
        assert tree[rf"{control_set}\{NAME}"]["ComputerName"][1].decode("utf-16-le") == "NEW-NAME\0"


def test_a_reg_file_changes_several_hives_at_once(sample: Path, tmp_path: Path) -> None:
    reg = tmp_path / "change.reg"
    text = (
        "Windows Registry Editor Version 5.00\r\n\r\n"
        "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Example]\r\n\"Text\"=\"from outside\"\r\n\r\n"
        "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Example]\r\n"
        "\"Start\"=dword:00000004\r\n\r\n"
        "[-HKEY_USERS\\.DEFAULT\\Software\\Microsoft\\IdentityCRL]\r\n"
    )  # fmt: skip
    reg.write_bytes(text.encode("utf-16"))
    done = judges.reseal("reg", "import", sample, reg)
    assert done.returncode == 0, done.stderr
    volume = judges.Volume.of(sample, tmp_path)
    software = hivex(volume.read(judges.HIVES["SOFTWARE"]))
    system = hivex(volume.read(judges.HIVES["SYSTEM"]))
    default = hivex(volume.read(judges.HIVES["DEFAULT"]))
    assert software["Example"]["Text"][1].decode("utf-16-le") == "from outside\0"
    assert system[r"ControlSet001\Services\Example"]["Start"] == (4, b"\4\0\0\0")
    assert r"Software\Microsoft\IdentityCRL" not in default


def test_export_diff_verify_rename_and_delete(sample: Path, tmp_path: Path) -> None:
    key = r"HKLM\SOFTWARE\Microsoft\Windows Advanced Threat Protection"
    exported = tmp_path / "key.reg"
    assert judges.reseal("reg", "export", sample, key, "-o", exported).returncode == 0
    assert "senseGuid" in exported.read_bytes().decode("utf-16")
    other = sample.with_name("other.qcow2")
    other.write_bytes(sample.read_bytes())
    assert judges.reseal("reg", "rename", sample, key, "Renamed").returncode == 0
    assert judges.reseal("reg", "delete", sample, rf"{key}\..\Renamed").returncode != 0
    assert (
        judges.reseal("reg", "delete", sample, r"HKLM\SOFTWARE\Microsoft\Renamed").returncode == 0
    )
    assert judges.reseal("reg", "verify", sample, r"HKLM\SOFTWARE").returncode == 0
    shown = judges.reseal("reg", "diff", sample, other, r"HKLM\SOFTWARE\Microsoft").stdout
    assert "Advanced Threat Protection" in shown


def test_what_is_not_there_is_said(sample: Path) -> None:
    before = sample.read_bytes()
    for path, message in (
        (r"HKLM\NOTHING\x", "no hive NOTHING"),
        (r"SOFTWARE\x", rf"SOFTWARE\x is not in a hive of {sample}."),
        (r"SOFTWARE\x", "It has the hives HKEY_LOCAL_MACHINE"),
        (r"HKLM\SOFTWARE\None", "has no key"),
    ):
        done = judges.reseal("reg", "query", sample, path)
        assert done.returncode in {2, 3}, done.stderr
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert sample.read_bytes() == before


def test_a_new_overlay_is_an_image_however_small_it_is(sample: Path, tmp_path: Path) -> None:
    overlay = sample.with_name(f"overlay of {sample.name}")
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", sample.name, "-F", "qcow2", str(overlay)],
        check=True,
    )
    assert overlay.stat().st_size < 1 << 20
    shown = judges.reseal("reg", "query", overlay, CURRENT, "--value", "ComputerName", "--json")
    assert json.loads(shown.stdout)["data"] == Machine().computer_name, shown.stderr
    assert judges.reseal("reg", "set", overlay, CURRENT, "ComputerName", "NEW-NAME").returncode == 0
    shown = judges.reseal("reg", "query", overlay, CURRENT, "--value", "ComputerName", "--json")
    assert json.loads(shown.stdout)["data"] == "NEW-NAME"
    overlay.unlink()


def test_a_small_hive_without_its_magic_is_a_hive(tmp_path: Path) -> None:
    damaged = tmp_path / "hive"
    damaged.write_bytes(bytes(4) + hive({"A": {"B": 1}}).to_bytes()[4:])
    assert "not a registry hive" in judges.reseal("reg", "query", damaged, "A").stderr
