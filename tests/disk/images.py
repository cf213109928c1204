"""Images in every container, around one small disk with an NTFS-like partition."""

from __future__ import annotations

import json
import os
import random
import shutil
import struct
import subprocess
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reseal.disk import connect
from reseal.disk.chain import open_chain
from reseal.disk.qemu import json_name
from reseal.sandbox import Limits
from reseal.testing.disks import BASIC_DATA, convert, gpt_disk
from reseal.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from reseal.disk import Image, Transaction


@dataclass(frozen=True)
class Kind:
    """A container as qemu-img makes it."""

    name: str
    extension: str
    qemu: str
    options: str = ""


KINDS = [
    Kind("qcow2", "qcow2", "qcow2"),
    Kind("qcow2 of QEMU 0.10", "qcow2", "qcow2", "compat=0.10,cluster_size=4096"),
    Kind("VHDX", "vhdx", "vhdx"),
    Kind("fixed VHDX", "vhdx", "vhdx", "subformat=fixed,block_size=1M"),
    Kind("VHD", "vhd", "vpc"),
    Kind("VHD with a size from its geometry", "vhd", "vpc", "force_size=off"),
    Kind("fixed VHD", "vhd", "vpc", "subformat=fixed"),
    Kind("VMDK", "vmdk", "vmdk"),
    Kind("split VMDK", "vmdk", "vmdk", "subformat=twoGbMaxExtentSparse"),
    Kind("flat VMDK", "vmdk", "vmdk", "subformat=monolithicFlat"),
    Kind("VDI", "vdi", "vdi"),
    Kind("static VDI", "vdi", "vdi", "static=on"),
    Kind("raw", "raw", "raw"),
]
FORMATS = [kind for kind in KINDS if not kind.options]

DISK_SIZE = 18 << 20
Writes = list[tuple[int, bytes]]


def raw_disk(folder: Path, seed: int = 1) -> Path:
    """Build a raw disk whose one partition holds pieces of random data."""
    numbers = random.Random(seed)
    volume = folder / "volume"
    with volume.open("wb") as file:
        file.truncate(16 << 20)
        for _ in range(12):
            file.seek(numbers.randrange(15 << 20))
            file.write(numbers.randbytes(70_000))
    disk = gpt_disk(folder / f"source {seed}.raw", [(volume, BASIC_DATA, "Windows")])
    volume.unlink()
    return disk


def make_image(folder: Path, kind: Kind, name: str = "machine", seed: int = 1) -> Path:
    """Build an image of a kind, alone in its folder."""
    folder.mkdir(exist_ok=True)
    image = folder / f"{name}.{kind.extension}"
    source = raw_disk(folder, seed)
    convert(source, image, kind.qemu, kind.options)
    source.unlink()
    return image


def virtualbox_vhd(folder: Path) -> Path:
    """Build a VHD as VirtualBox leaves it: QEMU takes its size from a geometry that is smaller."""
    path = make_image(folder, KINDS[4])
    data = bytearray(path.read_bytes())
    for footer in (0, len(data) - 512):
        data[footer + 28 : footer + 32] = b"vbox"
        data[footer + 56 : footer + 60] = struct.pack(">HBB", 500, 4, 17)
        data[footer + 64 : footer + 68] = bytes(4)
        checksum = ~sum(data[footer : footer + 512]) & 0xFFFFFFFF
        data[footer + 64 : footer + 68] = struct.pack(">I", checksum)
    path.write_bytes(data)
    return path


def some_writes(seed: int = 2, pieces: int = 12) -> Writes:
    """Return what a run may write: unaligned pieces, zeros, and the last bytes of the disk."""
    numbers = random.Random(seed)
    found = [
        (numbers.randrange(1 << 20, 16 << 20), numbers.randbytes(numbers.choice([7, 512, 90_000])))
        for _ in range(pieces)
    ]
    return [*found, (3 << 20, bytes(300_000)), (DISK_SIZE - 5, b"after")]


def write(image: Image, transaction: Transaction, writes: Writes) -> None:
    """Write into an image as a run does: from a worker, through the overlay."""
    with image.serve(transaction.overlay) as socket_path:

        def job(_: object) -> None:
            device = connect(socket_path)
            for offset, data in writes:
                device.write(offset, data)
            device.flush()
            device.close()

        run_worker(job, subject=str(image.path), limits=Limits(sockets=(socket_path,)))


def content(path: Path) -> bytes:
    """Return the disk in an image, as qemu-img reads it."""
    link = open_chain(path.resolve(), allow_backing=True, whole=False)
    raw = path.with_name("content.raw")
    command = ["qemu-img", "convert", "-O", "raw", json_name(link.blockdev()), str(raw)]
    subprocess.run(command, check=True)
    found = raw.read_bytes()
    raw.unlink()
    return found


def changed(before: bytes, writes: Sequence[tuple[int, bytes]]) -> bytes:
    """Return a disk after writes."""
    after = bytearray(before)
    for offset, data in writes:
        after[offset : offset + len(data)] = data
    return bytes(after)


def files(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder with its bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def restore(folder: Path, kept: dict[str, bytes]) -> None:
    """Put a folder back to what `files` has kept."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for name, data in kept.items():
        (folder / name).write_bytes(data)


def check(path: Path) -> None:
    """Have qemu-img check an image, where it can check the format."""
    link = open_chain(path.resolve(), allow_backing=True)
    driver = link.header.options["driver"]
    if driver in {"qcow2", "vhdx", "vdi"} or (driver == "vmdk" and not link.extents):
        command = ["qemu-img", "check", "--output=json", json_name(link.blockdev())]
        found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        assert not found.get("corruptions")
        assert not found.get("check-errors")


def in_fork(job: Callable[[], str | None]) -> str:
    """Run a job in a process of its own, which may do what a worker of reseal's may not.

    Returns what the job returned. What it raises fails the test.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = job() or ""
        except BaseException:  # noqa: BLE001  said by the parent
            said = f"failed: {traceback.format_exc()}"
        os.write(writer, said.encode()[-60_000:])
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    assert not said.startswith("failed"), said
    return said
