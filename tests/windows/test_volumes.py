"""What a path that Windows wrote means: a volume of the image, or elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from reseal.session import Session
from reseal.testing.machine import Machine, tree, user_hive
from reseal.testing.memory import MemoryTree
from reseal.tree import TreeError
from reseal.windows import Installation, answer_files
from reseal.windows.volumes import Place, Volumes

OWN, DATA, FOREIGN = (b"DMIO:ID:" + bytes([number] * 16) for number in (1, 2, 3))
CD = "\\??\\SCSI#CdRom&Ven_QEMU#1".encode("utf-16-le")


def session(
    *profiles: str, drive: str = "C:", mounted: dict[str, bytes] | None = None, **fields: Any
) -> Session:
    """A Windows on volume 3 of a disk whose volume 4 holds data and whose volume 5 has no letter."""
    model = Machine(drive=drive)
    listed = {
        str(model.sid.relative(2001 + number)): {"ProfileImagePath": path}
        for number, path in enumerate(profiles)
    }
    default = {f"\\DosDevices\\{drive}": OWN, "\\DosDevices\\D:": DATA, "\\DosDevices\\E:": CD}
    model.system = {"MountedDevices": {**(default if mounted is None else mounted)}}
    software = {"Microsoft": {"Windows NT": {"CurrentVersion": {"ProfileList": listed}}}}
    model.software = software
    files = tree(model)
    files["Users"]["X"] = {"mine.txt": b"of the volume that holds Windows"}
    own = MemoryTree(files)
    data = MemoryTree({"Users": {"X": {"NTUSER.DAT": user_hive(model, 2001), "a.txt": b"D"}}})
    spare = MemoryTree({"spare.txt": b"5"})
    volumes = Volumes(own, {4: lambda: data, 5: lambda: spare}, {OWN: 3, DATA: 4})
    return Session(Installation(own, "Windows", volume=3, volumes=volumes), **fields)


@pytest.mark.parametrize(
    ("text", "volume", "path"),
    [
        (r"C:\Users\X", 3, r"Users\X"),
        (r"c:\Users\X", 3, r"Users\X"),
        (r"%SystemDrive%\Users\X", 3, r"Users\X"),
        (r"%SystemRoot%\X", 3, r"Windows\X"),
        (r"\SystemRoot\X", 3, r"Windows\X"),
        (r"\??\C:\Users\X", 3, r"Users\X"),
        (r"\\?\C:\Users\X", 3, r"Users\X"),
        (r"D:\Users\X", 4, r"D:\Users\X"),
        (r"d:\Users\X", 4, r"D:\Users\X"),
        (r"\??\D:\Users\X", 4, r"D:\Users\X"),
        ("D:\\", 4, "D:"),
        (r"E:\setup.exe", None, r"E:\setup.exe"),
        (r"A:\unattend.xml", None, r"A:\unattend.xml"),
        (r"\\server\profiles\X", None, r"\\server\profiles\X"),
        (r"\Device\HarddiskVolume4\X", None, r"\Device\HarddiskVolume4\X"),
    ],
)
def test_a_path_has_a_volume(text: str, volume: int | None, path: str) -> None:
    assert session().registry.place(text) == Place(volume, path)


@pytest.mark.parametrize("drive", ["C:", "E:", "W:"])
def test_the_letter_of_system_root_means_windows_own_volume(drive: str) -> None:
    one = session(drive=drive, mounted={f"\\DosDevices\\{drive}": FOREIGN})
    assert one.registry.place(rf"{drive}\X") == Place(3, "X")
    assert one.registry.place(r"Q:\X").volume is None


@pytest.mark.parametrize("letter", ["D:", "F:", "z:"])
def test_another_volume_changes_only_where_it_is_worked_on(letter: str) -> None:
    one = session(rf"{letter}\Users\X", mounted={f"\\DosDevices\\{letter}": DATA})
    (sid,) = [name for name in one.registry.placed_profiles if name.endswith("-2001")]
    assert sid not in one.registry.profiles
    assert one.registry.hive(sid) is None
    with one.all_volumes():
        assert one.registry.profiles[sid] == rf"{letter.upper()}\Users\X"
        assert one.registry.hive(sid) is not None
        assert one.files.read(rf"{letter}\Users\X\a.txt") == b"D"
    assert sid not in one.registry.profiles


def test_a_profile_elsewhere_is_no_folder_of_this_volume() -> None:
    one = session(r"E:\Users\X", r"\\server\share\X")
    with one.all_volumes():
        found = [path for path in one.registry.profiles.values() if path.endswith("X")]
    assert found == []


def test_the_default_profile_and_an_answer_file_on_another_drive_are_not_those_of_c() -> None:

    one = session()
    current = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
    one.set_text(current, "Default", r"E:\Users\X")
    assert one.registry.default_profile == r"Users\Default"
    for text in (r"A:\unattend.xml", r"D:\unattend.xml"):
        one.set_text(r"HKLM\SYSTEM\Setup", "UnattendFile", text)
        assert answer_files.named(one.registry) is None
        assert answer_files.elsewhere(one.registry) == text
    one.set_text(r"HKLM\SYSTEM\Setup", "UnattendFile", r"C:\unattend.xml")
    assert answer_files.named(one.registry) == "unattend.xml"
    assert answer_files.elsewhere(one.registry) is None


def test_a_volume_without_a_letter_has_its_number() -> None:
    one = session()
    assert one.files.read(r"volume 5:\spare.txt") == b"5"
    assert one.files.stat(r"D:\nothing") is None
    assert one.files.stat(r"Q:\spare.txt") is None


def test_changes_reach_the_volume_that_they_name() -> None:
    one = session()
    one.write_file(r"D:\new\file.txt", b"new")
    one.delete_tree(r"D:\Users\X")
    volumes = one.installation.volumes
    one.commit(volumes)
    assert volumes.tree(4).read(r"new\file.txt") == b"new"
    assert volumes.tree(4).stat(r"Users\X") is None
    assert volumes.own.stat("new") is None
    assert volumes.own.read(r"Users\X\mine.txt")


def test_nothing_moves_between_volumes() -> None:
    volumes = session().installation.volumes
    with pytest.raises(TreeError, match="another volume"):
        volumes.rename(r"D:\Users\X\a.txt", r"Users\X\a.txt")
