"""Who uses a device and what identifies it, in made-up trees of /sys, /proc and /run."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reseal.disk import block

SDA, SDA2 = (8, 0), (8, 2)


class Host:
    """A made-up computer: each method adds what the kernel would show."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._nodes: dict[Path, int] = {}
        monkeypatch.setattr(Path, "stat", self._stat(Path.stat))
        self.disk = self.device("sda", SDA)
        self.write("proc/self/mountinfo", "22 1 0:21 / /proc rw - proc proc rw\n")

    def _stat(self, real: Any) -> Any:
        def stat_of(path: Path, **options: Any) -> Any:
            found = self._nodes.get(Path(os.path.realpath(path)))
            if found is None:
                return real(path, **options)
            return SimpleNamespace(st_mode=stat.S_IFBLK | 0o660, st_rdev=found)

        return stat_of

    def node(self, name: str, number: tuple[int, int]) -> Path:
        """Make a device node."""
        path = self.write(f"dev/{name}", "")
        self._nodes[path] = os.makedev(*number)
        return path

    def device(self, name: str, number: tuple[int, int], above: str = "") -> Path:
        """Make a device in sysfs, and its node; `above` is the disk of a partition."""
        text = f"{number[0]}:{number[1]}"
        folder = f"sys/devices/{above}/{name}" if above else f"sys/devices/{name}"
        self.write(f"{folder}/dev", text)
        self.write(f"{folder}/uevent", f"MAJOR={number[0]}\nDEVNAME={name}\n")
        for place in (f"sys/dev/block/{text}", f"sys/class/block/{name}"):
            link = self.root / place
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(self.root / folder)
        if above:
            self.write(f"{folder}/partition", "2")
        return self.node(name, number)

    def write(self, name: str, content: str) -> Path:
        """Write a file of the computer."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def opened(self, node: Path, flags: int, process: int = 77) -> None:
        """Let a process have a device open."""
        fd = self.root / f"proc/{process}/fd/5"
        fd.parent.mkdir(parents=True, exist_ok=True)
        fd.symlink_to(node)
        self.write(f"proc/{process}/fdinfo/5", f"pos:\t0\nflags:\t0{flags:o}\n")
        self.write(f"proc/{process}/comm", "qemu-system-x86\n")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path.resolve(), monkeypatch)


def test_a_device_that_nothing_uses_is_free(host: Host) -> None:
    host.device("sda2", SDA2, "sda")
    assert block.user(host.disk, host.root) is None


def test_a_mounted_device_and_a_mounted_partition_are_in_use(host: Host) -> None:
    part = host.device("sda2", SDA2, "sda")
    host.write("proc/self/mountinfo", "30 1 8:2 / /mnt/my\\040disk rw - ntfs3 /dev/sda2 rw\n")
    assert block.user(host.disk, host.root) == "its partition sda2 is mounted on /mnt/my disk"
    assert block.user(part, host.root) == "it is mounted on /mnt/my disk"


def test_holders_of_a_device_and_of_a_partition_are_named(host: Host) -> None:
    host.device("sda2", SDA2, "sda")
    host.device("dm-3", (253, 3))
    host.write("sys/devices/dm-3/dm/name", "vg-root\n")
    host.write("sys/devices/sda/sda2/holders/dm-3", "")
    assert block.user(host.disk, host.root) == "its partition sda2 is used by dm-3 (vg-root)"
    host.write("sys/devices/sda/holders/md0", "")
    assert block.user(host.disk, host.root) == "it is used by md0"


def test_a_loop_device_on_a_device_is_seen(host: Host) -> None:
    host.device("loop7", (7, 7))
    host.write("sys/devices/loop7/loop/backing_file", f"{host.disk}\n")
    assert block.user(host.disk, host.root) == "the loop device loop7 is on it"


@pytest.mark.parametrize("flags", [os.O_RDWR, os.O_WRONLY | os.O_DIRECT])
def test_writers_are_named_and_readers_are_not(host: Host, flags: int) -> None:
    host.opened(host.disk, os.O_RDONLY, 76)
    assert block.user(host.disk, host.root) is None
    host.opened(host.disk, flags)
    assert (
        block.user(host.disk, host.root) == "it is open for writing by qemu-system-x86 (process 77)"
    )


def test_a_writer_of_the_whole_disk_excludes_a_partition(host: Host) -> None:
    part = host.device("sda2", SDA2, "sda")
    host.opened(host.disk, os.O_RDWR)
    assert str(block.user(part, host.root)).startswith("it is open for writing")


def test_a_device_is_identified_by_what_does_not_change(host: Host) -> None:
    part = host.device("sda2", SDA2, "sda")
    assert block.ids(host.disk, host.root) == []
    host.write("sys/devices/sda/device/wwid", "naa.600140500000\n")
    assert block.ids(host.disk, host.root) == ["device/wwid naa.600140500000"]
    assert block.ids(part, host.root) == ["device/wwid naa.600140500000 partition 2"]
    assert block.find("device/wwid naa.600140500000", host.root) == host.disk
    renamed = host.device("sdb", (8, 16))
    host.write("sys/devices/sdb/device/wwid", "naa.600140500000\n")
    assert block.key(renamed, host.root) == block.key(host.disk, host.root)
    assert block.key(part, host.root) != block.key(host.disk, host.root)


def test_a_zfs_volume_is_known_by_its_link(host: Host) -> None:
    volume = host.device("zd16", (230, 16))
    host.write("run/udev/data/b230:16", "S:zvol/tank/vm-1\nS:disk/by-path/x\nE:A=1\n")
    host.write("dev/zvol/tank/x", "")
    (host.root / "dev/zvol/tank/vm-1").symlink_to(volume)
    assert block.ids(volume, host.root) == ["link zvol/tank/vm-1"]
    assert block.lasting_name(volume, host.root) == host.root / "dev/zvol/tank/vm-1"


def test_two_nodes_for_a_device_lead_to_one(host: Host) -> None:
    other = host.node("copies/sda-again", SDA)
    assert block.canonical(other, host.root) == host.disk
    nowhere = host.node("unknown", (9, 9))
    assert block.canonical(nowhere, host.root) == nowhere


def test_a_write_protected_device_is_seen(host: Host) -> None:
    assert not block.is_read_only(host.disk, host.root)
    host.write("sys/devices/sda/ro", "1\n")
    assert block.is_read_only(host.disk, host.root)
