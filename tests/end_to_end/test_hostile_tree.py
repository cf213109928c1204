"""Trees made to lead reseal astray: nothing outside of them is read or written."""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from reseal.disk import FileDevice, Slice
from reseal.disk.partitions import volumes
from reseal.folder import Folder as HostFolder
from reseal.ntfs import Volume
from reseal.testing.machine import Machine, tree
from reseal.testing.volumes import File, Folder
from reseal.testing.windows import windows
from reseal.tree import TreeError
from tests.end_to_end import judges
from tests.end_to_end.test_folder import _extract

OLD = 1_000_000_000


def link(target: str, tag: int) -> tuple[int, bytes]:
    """A junction (0xA0000003) or symbolic link (0xA000000C) to a path, as NTFS holds it."""
    name = target.encode("utf-16-le")
    head = struct.pack("<HHHH", 0, len(name), len(name) + 2, len(name))
    flags = struct.pack("<I", 0) if tag == 0xA000000C else b""
    return tag, head + flags + name + b"\0\0" + name + b"\0\0"


def junction(target: str) -> Folder:
    return Folder(reparse=link(target, 0xA0000003))


def symlink(target: str) -> File:
    return File(reparse=link(target, 0xA000000C))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that nobody may look into; `is_untouched` tells."""
    folder = tmp_path / "outside"
    folder.mkdir()
    for name in ("secret.txt", "SYSTEM", "State.ini", "setupact.log"):
        (folder / name).write_bytes(b"secret")
        # Read, it gets a new time of access, also where the file system keeps that only for the
        # first time after a change.
        os.utime(folder / name, (OLD, OLD + 1))
    return folder


def is_untouched(outside: Path) -> bool:
    return all(
        (one.stat().st_atime, one.stat().st_mtime) == (OLD, OLD + 1) for one in outside.iterdir()
    ) and {one.name for one in outside.iterdir()} == {
        "secret.txt", "SYSTEM", "State.ini", "setupact.log",
    }  # fmt: skip


# Images

#: What generalize deletes, rewrites or searches, each with a way out of it.
HOSTILE: dict[str, Any] = {
    "Windows": {
        "Temp": {
            "junction": junction(r"\??\C:\Users\Alice"),
            "up": symlink(r"..\..\..\..\..\etc\passwd"),
            "unc": symlink(r"\??\UNC\server\share"),
            "loop": junction(r"\??\C:\Windows\Temp"),
            "host": symlink("/etc/passwd"),
            "streams.log": File(b"main", streams={"one": b"1", "two": b"2" * 5000}),
        },
        "Panther": {"setupact.log": symlink(r"..\..\Users\Alice\Documents\letter 1.txt")},
        "Logs": {"CBS": junction(r"\??\C:\Users\Alice\Documents")},
        "Prefetch": junction(r"\??\C:\Users"),
        "SoftwareDistribution": junction(r"\??\Volume{00000000-0000-0000-0000-000000000000}\\"),
    },
    "$Recycle.Bin": junction(r"\??\C:\Users\Alice"),
}


def _nested(depth: int, name: str) -> dict[str, Any]:
    nested: dict[str, Any] = {"bottom.txt": b"x"}
    for _ in range(depth):
        nested = {name: nested}
    return nested


def _opened(image: Path, folder: Path) -> Volume:
    raw = folder / "disk.raw"
    judges._run("qemu-img", "convert", "-O", "raw", image, raw)
    device = FileDevice(raw)
    (part,) = volumes(device)
    return Volume.open(Slice(device, part.offset, part.size), read_only=True, name="image")


def test_links_in_an_image_lead_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    image = folder / "sample.qcow2"
    windows(image, Machine(files=HOSTILE))
    for arguments in (["inspect"], ["verify"], ["generalize", "--quiet"]):
        done = judges.reseal(arguments[0], image, *arguments[1:])
        assert done.returncode in {0, 3, 4}, done.stderr
        assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert [one.name for one in folder.iterdir()] == [image.name]
    with _opened(image, tmp_path) as volume:
        letters = [one.name for one in volume.list(r"Users\Alice\Documents")]
        assert len(letters) == len(tree(Machine())["Users"]["Alice"]["Documents"])
        assert volume.read(r"Users\Alice\Documents\letter 1.txt") == b"Dear reader"
        assert volume.stat(r"Users\Alice\NTUSER.DAT")


def test_a_hive_behind_a_link_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    image = folder / "sample.qcow2"
    config = {"SECURITY": symlink(r"..\..\..\Users\SECURITY"), "SECURITY.LOG1": None}
    windows(image, Machine(files={"Windows": {"System32": {"config": config}}}))
    before = image.read_bytes()
    done = judges.reseal("generalize", image, "--quiet")
    assert done.returncode in {0, 3, 4}
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or image.read_bytes() == before


def test_paths_of_32000_characters_and_names_of_devices(tmp_path: Path) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    image = folder / "sample.qcow2"
    deep = {"Windows": {"Temp": _nested(127, "d" * 250), "Logs": {"CBS": {"x" * 255: b"x"}}}}
    windows(image, Machine(files=deep))
    for command in (["generalize", "--quiet"], ["verify", "--quiet"]):
        done = judges.reseal(command[0], image, *command[1:])
        assert done.returncode == 0, done.stderr
    with _opened(image, tmp_path) as volume:
        path, found = r"Windows\Temp", 0
        while entries := [one for one in volume.list(path) if one.is_directory]:
            path, found = f"{path}\\{entries[0].name}", found + 1
        assert found in {0, 127}  # deleted with all that was in it, or left with it


# Folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "windows"
    path.mkdir()
    _extract(path, tree(Machine()))
    return path


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file's content, and of links that they are there; none is followed."""
    return {
        str(one.relative_to(folder)): one.read_bytes()
        if one.is_file() and not one.is_symlink()
        else None
        for one in folder.rglob("*")
    }


#: Where a link out is put in the place of something that generalize reads, rewrites or deletes.
PLACES = {
    "what is deleted or rewritten": [
        "Windows/Temp", "Windows/Panther/setupact.log", "Windows/Setup/State/State.ini",
        "Windows/System32/Sysprep/Panther", "Windows/System32/winevt/Logs",
        "Windows/System32/config/RegBack", "Users/Administrator",
        "ProgramData/Microsoft/Crypto/RSA/MachineKeys", "pagefile.sys",
    ],
    "the state": ["Windows/Setup/State"],
    "the plan": ["Windows/System32/Sysprep/ActionFiles"],
    "a hive": ["Windows/System32/config/SECURITY"],
    "a log": ["Windows/System32/config/SYSTEM.LOG1"],
    "a user": ["Users/Alice/NTUSER.DAT"],
}  # fmt: skip


@pytest.mark.parametrize("what", PLACES)
def test_links_in_a_folder_lead_nowhere(what: str, folder: Path, outside: Path) -> None:
    for place in PLACES[what]:
        target = folder / place
        if not target.exists() or target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            target.symlink_to(outside)
        else:
            target.unlink()
            target.symlink_to("../" * 8 + str(outside / "SYSTEM")[1:])
    before = contents(folder)
    done = judges.reseal("generalize", folder, "--quiet")
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 3, 4}
    assert done.returncode == 0 or contents(folder) == before
    assert is_untouched(outside)
    assert [one.name for one in folder.parent.iterdir() if "reseal" in one.name] == []


def test_strange_names_in_a_folder(folder: Path, outside: Path) -> None:
    temporary = folder / "Windows" / "Temp"
    temporary.mkdir()
    for name in (
        "..\\..\\..\\outside\\secret.txt", "C:\\x", "a:stream", "CON", "NUL.txt", "new\nline", "*?",
        " end. ", "\udcff\udcfe", "x" * 255, "case", "CASE", "$(touch x)", "-rf",
    ):  # fmt: skip
        (temporary / name).write_bytes(b"x")
    os.mkfifo(temporary / "pipe")
    (temporary / "hard").hardlink_to(folder / "pagefile.sys")
    deep = temporary
    for _ in range(12):
        deep /= "d" * 250
        deep.mkdir()
    done = judges.reseal("generalize", folder, "--quiet")
    assert "Traceback" not in done.stderr
    assert done.returncode in {0, 4}, done.stderr
    assert is_untouched(outside)
    assert {one.name for one in folder.parent.iterdir()} == {"windows", "outside"}


@pytest.mark.parametrize(
    "path",
    [
        r"..\outside\secret.txt", r"Windows\..\..\outside\secret.txt", r"Windows/../../outside",
        "/etc/passwd", r"\\?\C:\x", r"C:\Windows", ".", "..", "Windows\\.", "a\0b", "x" * 32_000,
        "\\".join(["..\\"] * 8000),
    ],
)  # fmt: skip
def test_paths_that_lead_out_are_not_there(path: str, folder: Path, outside: Path) -> None:
    with HostFolder(folder, read_only=False) as opened:
        for verb in (
            lambda: opened.read(path),
            lambda: opened.list(path),
            lambda: opened.write(path, b"x"),
            lambda: opened.delete(path),
            lambda: opened.rename(r"Windows\explorer.exe", path),
            lambda: opened.create(path, b"x"),
            lambda: opened.make_directory(path),
        ):
            with pytest.raises((TreeError, ValueError)):
                verb()
        with contextlib.suppress(TreeError, ValueError):
            assert opened.stat(path) is None
    assert is_untouched(outside)
    assert (folder / "Windows" / "explorer.exe").exists()
