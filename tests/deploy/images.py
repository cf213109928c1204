"""A Windows with everything that a copy has to keep, as an image."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reseal.testing.disks import BASIC_DATA, convert, gpt_disk
from reseal.testing.firmware import bootable
from reseal.testing.machine import Machine, tree
from reseal.testing.volumes import File, Folder, ntfs_volume, populate
from reseal.tree import HIDDEN, READONLY, SYSTEM
from tests.checks.problems import merged
from tests.ntfs.conftest import make_journal, writable
from tests.wim.volumes import _hard_link, _short, descriptor, link

MIB = 1 << 20

RICH: dict[str, Any] = {
    "Windows": {
        "System32": {
            "Long file name.dll": bytes(range(256)) * 300,
            "streams.txt": File(b"main", streams={"one": b"1" * 5000, "empty": b""}),
            "secret.sys": File(b"x" * 999, attributes=HIDDEN | SYSTEM | READONLY),
            "owned.bin": File(b"owned", descriptor=descriptor(1001)),
            "packed.log": File(b"packed " * 9000, compressed=True),
            "größe-日本-😀.txt": b"names",
        },
        "WinSxS": {},
    },
    "Documents and Settings": Folder(
        reparse=link("C:\\Users", junction=True), attributes=HIDDEN | SYSTEM
    ),
}


def rich_image(path: Path, *, size: int = 64 * MIB, journal: bool = False, **machine: Any) -> Path:
    """Make a qcow2 of a GPT disk with one volume that holds a Windows with boot files.

    Args:
        path: where it goes.
        size: bytes of the volume.
        journal: whether the volume has a USN journal.
        machine: more of `Machine`.
    """
    volume, disk = path.with_suffix(".volume"), path.with_suffix(".disk")
    ntfs_volume(volume, size)
    files = merged({"files": bootable()}, {"files": RICH})["files"]
    with writable(volume) as opened:
        populate(opened, tree(Machine(files=files, **machine)))
        _short(opened, r"Windows\System32", "Long file name.dll", "LONGFI~1.DLL")
        _short(opened, "", "Documents and Settings", "DOCUME~1")
        _hard_link(opened, r"Windows\System32\Long file name.dll", r"Windows\WinSxS", "linked.dll")
        if journal:
            make_journal(opened)
    gpt_disk(disk, [(volume, BASIC_DATA, "Basic data partition")])
    convert(disk, path, "qcow2")
    volume.unlink()
    disk.unlink()
    return path


@dataclass(frozen=True)
class Parts:
    """A disk as sfdisk reads it, its partitions in files of their own."""

    table: dict[str, Any]
    rows: list[dict[str, Any]]
    files: list[Path]


def taken_apart(image: Path, folder: Path) -> Parts:
    """Take the partitions out of a qcow2 with qemu-img, sfdisk and dd."""
    folder.mkdir()
    disk = folder / "disk.raw"
    _run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", image, disk)
    verdict = _run("sfdisk", "--verify", disk)
    assert "No errors detected" in verdict
    table = json.loads(_run("sfdisk", "--json", disk))["partitiontable"]
    files = []
    for index, one in enumerate(table["partitions"], 1):
        part = folder / f"part{index}.raw"
        _run("dd", f"if={disk}", f"of={part}", "bs=1M", "iflag=skip_bytes,count_bytes",
             f"skip={one['start'] * 512}", f"count={one['size'] * 512}", "conv=sparse")  # fmt: skip
        files.append(part)
    disk.unlink()
    return Parts(table, table["partitions"], files)


def _run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    return done.stdout
