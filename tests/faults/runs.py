"""The runs that faults hit: every command that writes, on every kind of image."""

from __future__ import annotations

import errno
import hashlib
import json
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from reseal.bcd.devices import Boot
from reseal.clone.record import MADE, FleetRecord
from reseal.disk import DiskError, nbd
from reseal.testing import real
from reseal.testing.boot import boot_store
from reseal.testing.disks import BASIC_DATA, convert, gpt_disk
from reseal.testing.firmware import bootable
from reseal.testing.hives import hive
from reseal.testing.machine import Machine, tree
from reseal.testing.volumes import ntfs_volume
from reseal.testing.windows import windows
from tests import devices
from tests.bitlocker import encryptor
from tests.bitlocker.windows import encrypted_windows
from tests.faults.subject import (
    DiskImage,
    LoopDevice,
    NbdDisk,
    NewFile,
    Subject,
    TwoDisks,
    WindowsFolder,
    deleting,
)
from tests.faults.supervisor import Fault, Outcome

SIZE = 48 << 20
RESEAL = Path(sys.executable).with_name("reseal")
TEXT = "Written by the test."
ANSWERS = """<?xml version="1.0" encoding="utf-8"?>
<unattend xmlns="urn:schemas-microsoft-com:unattend">
<settings pass="specialize">
<component name="Microsoft-Windows-Shell-Setup" processorArchitecture="amd64"
 publicKeyToken="31bf3856ad364e35" language="neutral" versionScope="nonSxS">
<TimeZone>UTC</TimeZone></component>
</settings></unattend>
"""
SETTINGS = (
    'Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Example]\n"a"="b"\n'
)
FLEET = "name\nPC-1\nPC-2\n"
RECOVERY_FILE = "recovery.txt"


def small(path: Path, *, generalized: bool = False, **options: Any) -> None:
    """Make an image of the sample Windows."""
    windows(path, Machine(users=("Alice",)), size=SIZE, **options)
    if generalized:
        _reseal("generalize", path)


def two_disks(path: Path, second: Path) -> None:
    """Make the two disks of a machine."""
    real.machine(path, second_disk=second)


def captured(path: Path, images: int = 1, machine: Machine | None = None) -> None:
    """Make a WIM of the sample Windows."""
    source = path.with_name("captured.qcow2")
    windows(source, machine or Machine(), size=SIZE)
    for number in range(images):
        how = ["--append"] if number else ["--compress", "xpress"]
        _reseal("capture", source, path, "--name", f"{number}", *how)
    source.unlink()


def empty(path: Path) -> None:
    """Make a disk with an empty NTFS volume."""
    volume, disk = path.with_name("volume"), path.with_name("disk")
    ntfs_volume(volume, SIZE)
    gpt_disk(disk, [(volume, BASIC_DATA, "Windows")])
    convert(disk, path, "qcow2")
    volume.unlink()
    disk.unlink()


def folder(path: Path, spec: dict[str, object] | None = None) -> None:
    """Make a folder with the files of the sample Windows."""
    path.mkdir()
    for name, content in (tree(Machine()) if spec is None else spec).items():
        if isinstance(content, dict):
            folder(path / name, content)
        else:
            assert isinstance(content, bytes)
            (path / name).write_bytes(content)


def encrypted(path: Path) -> None:
    """Make an image that BitLocker encrypts."""
    encrypted_windows(path, [encryptor.recovery()])


def snapshot(path: Path) -> None:
    """Make an image with an internal snapshot."""
    small(path)
    subprocess.run(["qemu-img", "snapshot", "-c", "before", path], check=True)


def software(path: Path) -> None:
    """Make a hive file."""
    path.write_bytes(hive({"Example": {"Number": 1}}).to_bytes())


def store(path: Path) -> None:
    """Make a boot store."""
    path.write_bytes(boot_store(Boot(), Boot(), uefi=True))


def _reseal(*arguments: object) -> None:
    done = subprocess.run(
        [RESEAL, *map(str, arguments), "--quiet"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def _is_record(content: bytes) -> bool:
    try:
        return "reseal" in json.loads(content)
    except ValueError:
        return False


def _is_identity(content: bytes) -> bool:
    try:
        return "sid" in content.decode() and bool(json.loads(content))
    except ValueError:
        return False


class Snapshots(DiskImage):
    """An image with an internal snapshot, which goes in the same run."""

    def is_merged(self) -> None:
        super().is_merged()
        shown = subprocess.run(
            ["qemu-img", "snapshot", "-l", self.path], check=True, capture_output=True
        )
        assert not shown.stdout, shown.stdout


class Interrupted(Subject):
    """What a kill in the middle of a run has left, resumed."""

    good = frozenset({"complete", "untouched"})

    def __init__(self, base: Path, make: Callable[[Path], Subject], during: str) -> None:
        self._inner = make(base)
        self.__dict__.update(vars(self._inner))
        self.words = ["resume", "{path}"]
        calls = self._inner.hit(None).calls
        moments = [number for number, call in enumerate(calls) if during in call]
        self._inner.hit(Fault(moments[len(moments) // 2], "kill"))
        self._kept = base / "interrupted"
        self._inner.keep(self._kept)

    def move(self, place: Path) -> None:
        super().move(place)
        self._inner.move(place)

    def begin(self) -> None:
        self._inner.put_back(self._kept)
        self.path, self.device = self._inner.path, self._inner.device

    def restore(self) -> None:
        raise NotImplementedError

    def _judge_temporary(self, outcome: Outcome) -> None:
        """The kill has left something there."""

    def judge(self, outcome: Outcome) -> str:
        return self._inner.judge(outcome)


class Engine(DiskImage):
    """An image where the worker's own transfers to and from its disk fail."""

    def supervised(self, fault: Fault | None) -> Outcome:
        self._fault = fault or Fault(-1, "")
        # Shared with the worker: a count, and a letter for each transfer.
        self._seen = mmap.mmap(-1, 1 << 16)
        outcome = super().supervised(None)
        count = int.from_bytes(self._seen[:4], "little")
        calls = [f"{_TRANSFERS[letter]} disk worker" for letter in self._seen[4 : 4 + count]]
        hit = 0 <= self._fault.number < count
        where = f"{fault.kind} at {calls[fault.number]}" if fault and hit else None
        return Outcome(outcome.code, calls, where)

    def command(self) -> int:
        for letter, name in (("p", "write"), ("f", "flush"), ("r", "read")):
            setattr(nbd.NbdDevice, name, self._faulty(letter, getattr(nbd.NbdDevice, name)))
        return super().command()

    def _faulty(self, letter: str, transfer: Callable[..., object]) -> Callable[..., object]:
        def transfer_or_not(device: nbd.NbdDevice, *arguments: Any) -> object:
            number = int.from_bytes(self._seen[:4], "little")
            self._seen[:4] = (number + 1).to_bytes(4, "little")
            self._seen[4 + number] = ord(letter)
            if number == self._fault.number:
                if self._fault.kind == "crash":
                    os.kill(os.getpid(), signal.SIGKILL)
                if self._fault.kind == "short":
                    offset, data = arguments
                    transfer(device, offset, data[: len(data) // 2])
                error = DiskError("the disk can't be used: as if broken.")
                error.errno = errno.ENOSPC if self._fault.kind == "ENOSPC" else errno.EIO
                raise error
            return transfer(device, *arguments)

        return transfer_or_not


_TRANSFERS = {ord("p"): "pwrite", ord("f"): "flush", ord("r"): "read"}


class Fleet(Subject):
    """A fleet of two machines. What was made stays; the same command makes the rest."""

    def __init__(self, base: Path, more: Sequence[str] = ()) -> None:
        words = [
            *("clone", "{inputs}/source.qcow2", "--machines", "{inputs}/fleet.csv"),
            *("--output-dir", "{path}", "--jobs", "1", "--quiet", *more),
        ]
        super().__init__(base, "fleet", words)
        small(self.inputs / "source.qcow2", generalized=True)
        (self.inputs / "fleet.csv").write_text(FLEET)
        self._source = (self.inputs / "source.qcow2").read_bytes()

    def restore(self) -> None:
        for mark in self.inputs.glob(".*"):
            mark.unlink()

    def judge(self, outcome: Outcome) -> str:
        assert (self.inputs / "source.qcow2").read_bytes() == self._source, "the source was changed"
        assert outcome.code is None or deleting(outcome) or self.left() == set(), self.left()
        images = self._images()
        if self.path.exists():
            record = FleetRecord.read(self.path)
            made = [one for one in record.machines.values() if one.state == MADE] if record else []
            for one in made:
                assert one.path, one
                digest = hashlib.sha256((self.path / one.path).read_bytes()).hexdigest()
                assert digest == one.sha256, f"{one.name} is not what fleet.json says"
            if outcome.code == 0:
                assert len(made) == len(images) == 2
        self._again()
        states = {0: "untouched", 2: "complete"}
        return states.get(len(images), "resumed")

    def _images(self) -> list[Path]:
        return [one for one in self.path.glob("*.qcow2") if not one.name.startswith(".")]

    def _again(self) -> None:
        """The same command ends well and leaves nothing of the interrupted run."""
        said = [self.aside / name for name in ("output", "error")]
        for one in filter(Path.exists, said):
            one.rename(one.with_suffix(".first"))
        child = os.fork()
        if child == 0:
            try:
                os._exit(self.command())
            finally:
                os._exit(99)
        _, status = os.waitpid(child, 0)
        text = said[1].read_text()
        for one in said:
            one.unlink()
            if one.with_suffix(".first").exists():
                one.with_suffix(".first").rename(one)
        assert os.waitstatus_to_exitcode(status) == 0, f"the next run: {text}"
        names = {one.name for one in self.path.iterdir()}
        assert names == {"PC-1.qcow2", "PC-2.qcow2", "fleet.json"}, names


def _with(name: str, content: str, make: Callable[[Path], Subject]) -> Callable[[Path], Subject]:
    """Put a file among the inputs of a subject."""

    def made(base: Path) -> Subject:
        (base / "inputs").mkdir()
        (base / "inputs" / name).write_text(content)
        return make(base)

    return made


def _with_wim(make: Callable[[Path], Subject]) -> Callable[[Path], Subject]:
    def made(base: Path) -> Subject:
        (base / "inputs").mkdir()
        captured(base / "inputs" / "source.wim", machine=Machine(files=bootable()))
        return make(base)

    return made


def _disk(
    *words: str,
    make: Callable[[Path], object] = small,
    kind: type[DiskImage] = DiskImage,
    **options: Any,
) -> Callable[[Path], Subject]:
    return partial(kind, make=make, words=words, **options)


def _new(name: str, *words: str, **options: Any) -> Callable[[Path], Subject]:
    return partial(NewFile, name=name, make=options.pop("make", None), words=words, **options)


_GENERALIZE = ("generalize", "{path}", "--quiet")
_BOOTABLE = partial(small, firmware="uefi")
_KEY = ("--key", "recovery:{inputs}/" + RECOVERY_FILE)
_IMPORT = ("reg", "import", "{path}", "{inputs}/settings.reg")
_APPLY = ("unattend", "apply", "{path}", "{inputs}/answers.xml")

#: Subjects on block devices, which need root.
DEVICES: dict[str, Callable[[Path], Subject]] = {
    "device": partial(LoopDevice, make=small, words=(*_GENERALIZE, "--in-place")),
    "device 4096": partial(
        LoopDevice,
        make=partial(small, sector=4096),
        sector=4096,
        words=("sid", "{path}", "--new", "--yes", "--in-place"),
    ),
    "resume device": partial(
        Interrupted,
        during=" /device qemu-img",
        make=partial(LoopDevice, make=small, words=(*_GENERALIZE, "--in-place")),
    ),
}
SUBJECTS: dict[str, Callable[[Path], Subject]] = {
    "network": partial(NbdDisk, make=small, words=(*_GENERALIZE, "--in-place")),
    **(DEVICES if devices.available() else {}),
    **{
        f"generalize {suffix}": _disk(*_GENERALIZE, suffix=suffix)
        for suffix in ("qcow2", "raw", "vhdx", "vhd", "vmdk", "vdi")
    },
    "two volumes": _disk(
        "generalize", "{path}", "--sid", "both", "--all-volumes", make=real.machine
    ),
    "two disks": partial(
        TwoDisks, make=two_disks,
        words=("sid", "{path}", "--disk", "{place}/second.qcow2", "--new", "--yes", "--all-volumes"),
    ),
    "snapshot": _disk(
        "generalize", "{path}", "--delete-snapshots", make=snapshot, kind=Snapshots
    ),
    "engine": _disk(*_GENERALIZE, kind=Engine),
    "outputs": _disk(
        *("generalize", "{path}", "--save-identity", "{place}/old.json", "--report", "{place}/run.json"),
        outputs={"old.json": _is_identity, "run.json": _is_record},
    ),
    "customize": _disk(
        *("customize", "{path}", "--write", rf"C:\a.txt:{TEXT}", "--copy-out"),
        r"C:\a.txt:{place}/a.txt",
        outputs={"a.txt": lambda content: content == TEXT.encode()},
    ),
    "sid": _disk("sid", "{path}", "--new", "--yes", "--report", "{place}/run.json",
                 outputs={"run.json": _is_record}),
    "specialize": _disk(
        "specialize", "{path}", "--computer-name", "PC-42", "--sid", "new", "--now", "--yes"
    ),
    "boot": _disk("boot", "{path}", "--audit"),
    "unattend apply": _with("answers.xml", ANSWERS, _disk(*_APPLY)),
    "reg import": _with("settings.reg", SETTINGS, _disk(*_IMPORT, suffix="raw")),
    "bcd set": _disk("bcd", "set", "{path}", "{{default}}", "nx", "AlwaysOn", make=_BOOTABLE),
    "decrypt": _with(
        RECOVERY_FILE, encryptor.RECOVERY,
        _disk("decrypt", "{path}", "--in-place", "--sparse", *_KEY, make=encrypted),
    ),
    "new image": _new(
        *("new.vhdx", "generalize", "{inputs}/source.qcow2", "--output", "{path}", "--quiet"),
        source=small,
    ),
    "thin image": _new(
        *("new.qcow2", "boot", "{inputs}/source.qcow2", "--audit", "--thin", "--output", "{path}"),
        source=small,
    ),
    "deploy": _with_wim(_new(
        *("new.qcow2", "deploy", "{inputs}/source.wim", "{path}", "--size", "400M", "--firmware", "bios"),
    )),
    "capture": _new(
        "new.wim", "capture", "{inputs}/source.qcow2", "{path}", "--compress", "xpress", source=small
    ),
    "capture append": _new(
        *("new.wim", "capture", "{inputs}/source.qcow2", "{path}", "--append", "--name", "b"),
        source=small, make=captured,
    ),
    "apply": _with_wim(_disk("apply", "{inputs}/source.wim", "{path}", make=empty)),
    "apply folder": _with_wim(_new("new", "apply", "{inputs}/source.wim", "{path}")),
    "wim": _new("two.wim", "customize", "{path}", "--index", "1", "--write", rf"C:\a.txt:{TEXT}",
                make=partial(captured, images=2)),
    "clone": Fleet,
    "clone full": partial(Fleet, more=("--full",)),
    "folder": partial(WindowsFolder, make=folder, words=_GENERALIZE),
    "customize folder": partial(
        WindowsFolder, make=folder,
        words=("customize", "{path}", "--write", rf"C:\a.txt:{TEXT}", "--delete", r"C:\Users\*"),
    ),
    "reg file": _with("settings.reg", SETTINGS, _new("SOFTWARE", *_IMPORT, make=software)),
    "bcd file": _new("BCD", "bcd", "set", "{path}", "{{default}}", "nx", "AlwaysOn", make=store),
    "answer file": _new(
        "answers.xml", "unattend", "fmt", "{path}",
        make=lambda path: path.write_text(ANSWERS.replace("><", "> <")),
    ),
    "resume qcow2": partial(
        Interrupted, make=_disk(*_GENERALIZE), during=" /sample.qcow2 qemu-img"
    ),
    "resume raw": partial(
        Interrupted, make=_disk(*_GENERALIZE, suffix="raw"), during=" /sample.raw qemu-img"
    ),
    "resume folder": partial(
        Interrupted, during=" /windows/",
        make=partial(WindowsFolder, make=folder, words=_GENERALIZE),
    ),
}  # fmt: skip
