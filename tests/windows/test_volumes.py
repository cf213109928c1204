"""What a path that Windows wrote means: a volume of the image, or elsewhere."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from reseal.session import Session
from reseal.sid import hives, places
from reseal.testing.machine import Machine, tree, user_hive
from reseal.testing.memory import Link, MemoryTree
from reseal.tree import TreeError
from reseal.windows import Installation, answer_files
from reseal.windows.volumes import Place, Volumes

OWN, DATA, FOREIGN = (b"DMIO:ID:" + bytes([number] * 16) for number in (1, 2, 3))
#: A name of a volume in MountedDevices, and the one that the data volume has without it.
NAME, GPT = "12345678-1234-1234-1234-123456789abc", str(UUID(bytes_le=bytes([2] * 16)))
PROFILES = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList"
CD = "\\??\\SCSI#CdRom&Ven_QEMU#1".encode("utf-16-le")


LETTERS = {r"\DosDevices\C:": OWN, r"\DosDevices\D:": DATA, r"\DosDevices\E:": CD}


def session(
    *profiles: str,
    drive: str = "C:",
    mounted: dict[str, bytes] | None = None,
    homes: str = r"\??\D:\Users",
    **fields: Any,
) -> Session:
    r"""A Windows on volume 3 of a disk whose volume 4 holds data and whose volume 5 has no letter.

    `C:\Homes` is a link.
    """
    model = Machine(drive=drive)
    listed = {
        str(model.sid.relative(2001 + number)): {"ProfileImagePath": path}
        for number, path in enumerate(profiles)
    }
    default = LETTERS if drive == "C:" else LETTERS | {f"\\DosDevices\\{drive}": OWN}
    model.system = {"MountedDevices": {**(default if mounted is None else mounted)}}
    software = {"Microsoft": {"Windows NT": {"CurrentVersion": {"ProfileList": listed}}}}
    model.software = software
    files = tree(model)
    files["Users"]["X"] = {"mine.txt": b"of the volume that holds Windows"}
    files |= {"Homes": Link(homes), "Loop": Link(r"\??\C:\Loop")}
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
        ("C:/Users/X", 3, r"Users\X"),
        ("d:/Users/X", 4, r"D:\Users\X"),
        ("//server/profiles/X", None, "//server/profiles/X"),
        (r"C:Users\X", None, r"C:Users\X"),
        (r"D:\Apps\..\Users\X", 4, r"D:\Users\X"),
        (r"C:\..\..\Users\X", 3, r"Users\X"),
        (r"%SystemRoot%\..\Users\X", 3, r"Users\X"),
        (r"D:Users\X", None, r"D:Users\X"),
        (r"%ProgramData%\X", 3, r"ProgramData\X"),
        (r"%AllUsersProfile%\X", 3, r"ProgramData\X"),
        (r"%PUBLIC%\X", 3, r"Users\Public\X"),
        (r"%ProgramFiles%\X", 3, r"Program Files\X"),
        (r"%ProgramFiles(x86)%\X", 3, r"Program Files (x86)\X"),
        (r"%USERPROFILE%\X", None, r"%USERPROFILE%\X"),
        (rf"\\?\Volume{{{GPT}}}\X", 4, r"D:\X"),
        (rf"\\?\Volume{{{NAME}}}\X", None, rf"\\?\Volume{{{NAME}}}\X"),
        (
            r"\\?\Volume{------------------------------------}\X",
            None,
            r"\\?\Volume{------------------------------------}\X",
        ),
    ],
)
def test_a_path_has_a_volume(text: str, volume: int | None, path: str) -> None:
    assert session().registry.place(text) == Place(volume, path)


@pytest.mark.parametrize("drive", ["C:", "E:", "W:"])
def test_the_letter_of_system_root_means_windows_own_volume(drive: str) -> None:
    one = session(drive=drive, mounted={f"\\DosDevices\\{drive}": FOREIGN})
    assert one.registry.place(rf"{drive}\X") == Place(3, "X")
    assert one.registry.place(r"Q:\X").volume is None


@pytest.mark.parametrize(
    "path",
    [
        *(r"D:\Users\X", r"d:\users\x", "D:/Users/X", r"\??\D:\Users\X", r"\\?\D:\Users\X"),
        *(r"E:\Users\X", r"F:\Users\X", r"z:\Users\X"),
        rf"\\?\Volume{{{NAME}}}\Users\X",
        rf"\??\volume{{{NAME.upper()}}}\Users\X",
        r"C:\Homes\X",
        r"%SystemDrive%\Homes\X",
    ],
)
def test_a_profile_of_this_windows_is_part_of_it_wherever_it_lies(path: str) -> None:
    letter = path[:2].upper() if path[1] == ":" and path[0] not in "Cc" else "D:"
    one = session(path, mounted={f"\\DosDevices\\{letter}": DATA, rf"\??\Volume{{{NAME}}}": DATA})
    (sid,) = [name for name in one.registry.placed_profiles if name.endswith("-2001")]
    assert one.registry.profiles[sid].lower() == rf"{letter}\Users\X".lower()
    assert one.registry.hive(sid) is not None
    assert one.registry.works_on(4)
    assert not one.registry.works_on(5)
    # The rest of that volume is not.
    assert one.registry.path_of(rf"{letter}\Users\X\a.txt") == rf"{letter}\Users\X\a.txt"
    assert one.registry.path_of(rf"{letter}\pagefile.sys") is None
    with one.all_volumes():
        assert one.registry.path_of(rf"{letter}\pagefile.sys") == rf"{letter}\pagefile.sys"
        assert one.registry.works_on(5)


@pytest.mark.parametrize(
    "path", [r"D:\Public\X", r"D:Users\X", r"E:\Users\X", r"\\server\x", r"%HOMES%\X", r"C:\Loop\X"]
)
def test_a_volume_without_a_profile_of_this_windows_is_not(path: str) -> None:
    one = session(path if path[:3] != "D:\\" else r"C:\Users\X")
    assert not one.registry.works_on(4)
    assert not any(path.endswith(":\\X") for path in one.registry.profiles.values())
    with one.all_volumes():
        assert one.registry.works_on(4)


@pytest.mark.parametrize(
    ("default", "folder", "worked_on"),
    [
        (r"D:\Users\X", r"D:\Users\X", True),
        (r"C:\Homes\X", r"D:\Users\X", True),
        (r"%SystemDrive%\Users\X", r"Users\X", False),
        (r"E:\Users\X", r"Users\Default", False),
    ],
)
def test_the_default_profile_may_lie_on_another_volume(
    default: str, folder: str, worked_on: bool
) -> None:
    one = session()
    one.set_text(PROFILES, "Default", default)
    assert one.registry.default_profile == folder
    assert one.registry.works_on(4) is worked_on


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (r"\??\D:\Users", r"D:\Users\X"),
        (r"\??\C:\Users", r"Users\X"),
        (rf"\??\Volume{{{NAME}}}\Users", r"D:\Users\X"),
        (rf"\??\Volume{{{NAME}}}\\", r"D:\X"),
        (r"Users", r"Users\X"),
        (r".\Users", r"Users\X"),
        (r"\??\C:\Homes", None),
        (r"\??\Q:\Users", None),
        ("", None),
    ],
)
def test_links_on_the_way_to_a_profile_are_followed(target: str, path: str | None) -> None:
    one = session(r"C:\Homes\X", mounted={**LETTERS, rf"\??\Volume{{{NAME}}}": DATA}, homes=target)
    (place,) = [p for name, p in one.registry.placed_profiles.items() if name.endswith("-2001")]
    assert place == (Place(None, r"C:\Homes\X") if path is None else Place(place.volume, path))


def test_a_profile_elsewhere_is_no_folder_of_this_volume() -> None:
    one = session(r"E:\Users\X", r"\\server\share\X")
    with one.all_volumes():
        found = [path for path in one.registry.profiles.values() if path.endswith("X")]
    assert found == []


def test_the_default_profile_and_an_answer_file_on_another_drive_are_not_those_of_c() -> None:

    one = session()
    one.set_text(PROFILES, "Default", r"E:\Users\X")
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


@pytest.mark.parametrize("letter", ["D:", "Q:"])
def test_a_profile_whose_letter_is_not_known_is_found_where_profiles_lie(letter: str) -> None:
    one = session(rf"{letter}\Users\X", mounted={r"\DosDevices\D:": CD})
    one.write_file(r"volume 4:\Profiles\NTUSER.DAT", b"of a profile in the root")
    found = {r"volume 4:\Users\X", r"volume 4:\Profiles"}
    assert not found & set(places.profiles(one))
    with one.all_volumes():
        assert found <= set(places.profiles(one))
        assert r"volume 4:\Users\X\NTUSER.DAT" in hives.paths(one)


def test_a_recycle_bin_is_found_on_every_volume_that_is_worked_on() -> None:
    bins = {rf"{root}$Recycle.Bin\S-1-5-21-1-2-3-1001" for root in ("", "D:\\", "volume 5:\\")}
    for profiles, count in ((), 1), ((r"D:\Users\X",), 2):
        one = session(*profiles)
        for path in bins:
            one.make_directory(path)
        found = [path for path, _ in places.found(one, places.Place(r"{volume}\$Recycle.Bin"))]
        assert len(found) == count
        with one.all_volumes():
            assert {
                path for path, _ in places.found(one, places.Place(r"{volume}\$Recycle.Bin"))
            } == bins
