"""Files beside an image, judged by the tools that they are for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from reseal.destinations import texts
from reseal.destinations.box import ovf_of
from reseal.destinations.machine import Machine
from reseal.xml import parse
from tests.destinations import qm

WINDOWS_11 = Machine(
    firmware="uefi",
    architecture="amd64",
    product_name="Windows 11 Pro",
    edition="Professional",
    build=26100,
    server=False,
    size=64 << 30,
    bus="virtio-scsi",
    network="virtio",
    agent=True,
)
SERVER = replace(
    WINDOWS_11, product_name="Windows Server 2022 <&> \x01\"", build=20348, server=True,
    bus="virtio", agent=False,
)  # fmt: skip
OLD = replace(WINDOWS_11, firmware="bios", build=7601, bus="ide", network="e1000e", agent=False)
PLAIN = replace(WINDOWS_11, bus="ide", network="e1000e", agent=False)
MACHINES = {"11": WINDOWS_11, "server": SERVER, "old": OLD, "plain": PLAIN}


def need(program: str) -> str:
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture(params=MACHINES)
def machine(request: pytest.FixtureRequest) -> Machine:
    return MACHINES[request.param]


def test_the_domain_is_valid(machine: Machine, tmp_path: Path) -> None:
    judge = need("virt-xml-validate")
    path = tmp_path / "domain.xml"
    path.write_text(texts.libvirt(machine, tmp_path / "a b's \"<&> größe.qcow2"))
    done = subprocess.run([judge, path, "domain"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    root = parse(path.read_bytes())
    assert root.findtext("name") == "a-b-s-gr-e"
    source = root.find("devices/disk/source")
    assert source is not None
    assert source.get("file") == str(tmp_path / "a b's \"<&> größe.qcow2")
    target = root.find("devices/disk/target")
    assert target is not None
    assert (root.find("os[@firmware='efi']") is not None) == (machine.firmware == "uefi")
    assert (root.find("devices/tpm") is not None) == machine.tpm
    assert (root.find("devices/controller[@model='virtio-scsi']") is not None) == (
        machine.bus == "virtio-scsi"
    )


def test_the_script_for_proxmox_runs(machine: Machine, tmp_path: Path) -> None:
    image = tmp_path / "it's the master.qcow2"
    image.touch()
    script = image.with_suffix(".sh")
    script.write_text(texts.proxmox(machine, image))
    if checker := shutil.which("shellcheck"):
        said = subprocess.run([checker, script], check=False, capture_output=True, text=True)
        assert said.returncode == 0, said.stdout
    tool = tmp_path / "bin" / "qm"
    tool.parent.mkdir()
    kept = tmp_path / "machine.json"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{qm.__file__}" "{kept}" "$@"\n')
    tool.chmod(0o755)
    path = f"{tool.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(["sh", script, "101", "tank"], check=True, env=os.environ | {"PATH": path})
    made = json.loads(kept.read_text())
    assert (made["bios"] == "ovmf") == ("efidisk0" in made) == (machine.firmware == "uefi")
    assert ("tpmstate0" in made) == machine.tpm
    disk = made[made["boot"].removeprefix("order=")]
    assert disk == f"tank:0,import-from={image}"
    assert made["name"] == "it-s-the-master"


def test_the_script_for_proxmox_asks_for_a_number(tmp_path: Path) -> None:
    script = tmp_path / "x.sh"
    script.write_text(texts.proxmox(WINDOWS_11, tmp_path / "x.qcow2"))
    done = subprocess.run(["sh", script], check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "VMID" in done.stderr


def test_the_properties_for_openstack_are_options_of_one_word(machine: Machine) -> None:
    words = texts.openstack(machine, Path("/x/master.raw")).split()
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options["--disk-format"] == "raw"
    assert options["--min-disk"] == "64"
    pairs = zip(words[::2], words[1::2], strict=True)
    found = dict(word.split("=") for name, word in pairs if name == "--property")
    assert found["hw_firmware_type"] == machine.firmware
    assert found["os_type"] == "windows"
    assert ("hw_tpm_version" in found) == machine.tpm
    assert (found["hw_disk_bus"] == "ide") == (machine is OLD)
    assert ("hw_scsi_model" in found) == (machine.bus == "virtio-scsi")


def test_windows_11_has_a_tpm_and_a_server_none() -> None:
    assert WINDOWS_11.tpm
    assert not SERVER.tpm
    assert not OLD.tpm
    assert not OLD.secure_boot
    assert Machine.from_json(json.loads(json.dumps(SERVER.to_json()))) == SERVER


def test_the_descriptor_of_a_box_is_xml_that_names_its_disk(machine: Machine) -> None:
    root = parse(ovf_of(Path("/x/disk.vmdk"), machine).encode())
    spaces = {"o": "http://schemas.dmtf.org/ovf/envelope/1"}
    files = root.findall("o:References/o:File", spaces)
    assert [one.get(f"{{{spaces['o']}}}href") for one in files] == ["disk.vmdk"]
    disk = root.find("o:DiskSection/o:Disk", spaces)
    assert disk is not None
    assert disk.get(f"{{{spaces['o']}}}capacity") == str(64 << 30)
