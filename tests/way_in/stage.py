"""A folder as the examples and the pages find it: images, an answer file, hives, and stand-ins.

The commands of hypervisors and other tools (virsh, qm, …) are stand-ins that do nothing and succeed, so
that a page's lines run whole; what reseal does in between is real.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from reseal.run.capture import CaptureOptions, capture
from reseal.run.hive_copies import take_out
from reseal.testing import real
from reseal.testing.boot import boot_store
from reseal.testing.firmware import bootable
from reseal.testing.machine import Machine
from reseal.testing.volumes import ntfs_volume
from reseal.testing.windows import MEBIBYTE, uefi_partitions, windows
from tests.bitlocker import encryptor
from tests.bitlocker.encryptor import Made
from tests.bitlocker.windows import encrypted_windows
from tests.end_to_end import judges

ANSWERS = """<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend">
  <settings pass="specialize">
    <component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64"
        publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
      <ComputerName>{name}</ComputerName>
      <TimeZone>W. Europe Standard Time</TimeZone>
    </component>
  </settings>
</unattend>
"""
SETTINGS = (
    "Windows Registry Editor Version 5.00\r\n\r\n"
    "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Example]\r\n\"Text\"=\"from a file\"\r\n"
)  # fmt: skip
#: What Windows notes of the hardware on which it last ran; VM mode wants a virtual machine's.
VIRTUAL = {
    "ControlSet001": {
        "Control": {
            "SystemInformation": {"SystemManufacturer": "QEMU", "SystemProductName": "Standard PC"}
        }
    }
}
STAND_INS = (
    *("virsh", "virt-install", "qm", "openstack", "packer", "aws", "az", "vagrant", "skopeo"),
    *("ssh", "scp", "sudo"),
)


def golden(folder: Path) -> Path:
    """Make what every stage is copied from."""
    # Examples make its volume larger, so nothing may lie behind it.
    real.machine(
        folder / "image.qcow2", Machine(system=VIRTUAL), size=48 * MEBIBYTE, second_volume=False
    )
    shutil.copyfile(folder / "image.qcow2", folder / "golden.qcow2")
    judges.generalize(folder / "golden.qcow2")
    clones = folder / "clones"
    clones.mkdir()
    for name in ("one", "two"):
        shutil.copyfile(folder / "image.qcow2", clones / f"{name}.qcow2")
    windows(clones / "other.qcow2", Machine(computer_name="OTHER-PC"))
    taken = take_out(folder / "image.qcow2", "SOFTWARE")
    for name in ("SOFTWARE.old", "SOFTWARE"):
        (folder / name).write_bytes(taken.data)
    (folder / "BCD").write_bytes(_store())
    for name in ("answers", "other"):
        (folder / f"{name}.xml").write_text(ANSWERS.format(name=f"{name.upper()}-PC"))
    (folder / "settings.reg").write_bytes(SETTINGS.encode("utf-16"))
    capture(folder / "image.qcow2", folder / "windows.wim", CaptureOptions(compression="xpress"))
    (folder / "folder").mkdir()
    _encrypted(folder)
    (folder / "fleet.csv").write_text(
        "name,time_zone\nPC-0001,UTC\nPC-0002,Romance Standard Time\n"
    )
    return folder


def _encrypted(folder: Path) -> None:
    """Make a Windows and a volume of data that BitLocker encrypts, and files with their keys."""
    recovery, password = encryptor.recovery(), encryptor.password("correct horse")
    machine = Machine(system=VIRTUAL, files=bootable())
    encrypted_windows(folder / "encrypted.qcow2", [encryptor.tpm(), recovery], machine=machine)
    (folder / "recovery.txt").write_text(f"{encryptor.RECOVERY}\n")
    data = folder / "data.raw"
    ntfs_volume(data, 8 * MEBIBYTE)
    places = encryptor.make_room(data)
    encryptor.encrypt_file_from(data.read_bytes(), data, Made(), places, [password])
    (folder / "password.txt").write_text("correct horse\n")


def _store() -> bytes:
    disk = Path("disk")
    return boot_store(*uefi_partitions(disk), uefi=True)


def stand_ins(folder: Path) -> Path:
    """Make a folder for the PATH: reseal and Python as they are, and the stand-ins."""
    folder.mkdir()
    for name in STAND_INS:
        (folder / name).write_text('#!/bin/sh\necho "$(basename "$0") $*"\n')
        (folder / name).chmod(0o755)
    beside = Path(sys.executable).parent
    for name in ("reseal", "python", "python3"):
        (folder / name).symlink_to(beside / ("reseal" if name == "reseal" else "python"))
    return folder


def environment(stand_in_folder: Path) -> dict[str, str]:
    """The environment in which a page's lines run."""
    path = f"{stand_in_folder}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "100"}
