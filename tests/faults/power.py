"""The power fails at every moment of a run: what the disk held then is mounted, and judged.

The run works on a file system of its own on a loop device. Before each call that changes a file, what has
reached the device is compared with what was there before; what is new makes another point. A file system
writes when it is told to, and otherwise when it likes: `lazy` takes the device as it is, `eager` has all
written first, so that what a run forgets to flush is once missing and once there.

Needs root, loop devices, and the programs that make the file systems.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.faults.subject import Subject
from tests.faults.supervisor import Outcome

SIZE = 640 << 20
BLOCK = 64 << 10
#: How each file system is made. Few inodes and a small log, so that there is little to compare.
MAKERS = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-N", "8192"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
}
#: After the last call.
END = "the end"
_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS, linux/sched.h
_libc = ctypes.CDLL(None, use_errno=True)


def available(kind: str) -> bool:
    """Whether this system can do it."""
    return (
        os.geteuid() == 0
        and Path("/dev/loop-control").exists()
        and shutil.which(MAKERS[kind][0]) is not None
    )


class Device:
    """A file with a file system in it, mounted on a folder, and all its states one after the other."""

    def __init__(self, file: Path, kind: str, place: Path) -> None:
        self._file, self._place = file, place
        self._empty = file.with_suffix(".empty")
        place.mkdir(exist_ok=True)
        with self._empty.open("wb") as made:
            made.truncate(SIZE)
        subprocess.run([*MAKERS[kind], str(self._empty)], check=True, capture_output=True)
        self.changes: list[tuple[str, dict[int, bytes]]] = []
        self._known: dict[int, bytes] = {}

    @contextmanager
    def mounted(self, file: Path | None = None) -> Iterator[None]:
        """Mount it, or another state of it."""
        command = ["mount", "-o", "loop", str(file or self._file), str(self._place)]
        subprocess.run(command, check=True, capture_output=True)
        try:
            yield
        finally:
            subprocess.run(["umount", self._place], check=True)

    def begin(self) -> None:
        """Forget all; start with an empty file system."""
        _copy(self._empty, self._file)
        self.changes.clear()

    def start(self) -> None:
        """Take the state that the others are compared with."""
        _syncfs(self._place)
        self._known = dict(_blocks(self._file))
        self._first = dict(self._known)

    def look(self, when: str, *, flush: bool) -> None:
        """Remember what the device holds now, where that is new."""
        if flush:
            _syncfs(self._place)
        now, before = dict(_blocks(self._file)), None
        while now != before:  # it was being written
            now, before = dict(_blocks(self._file)), now
        places = {*now, *self._known}
        none = bytes(BLOCK)
        changed = {
            at: now.get(at, none) for at in places if now.get(at, none) != self._known.get(at, none)
        }
        if changed or when == END:
            self.changes.append((when, changed))
            self._known = now

    def state(self, number: int) -> Path:
        """Return a file with one of the states, which may be changed."""
        state, shown = dict(self._first), self._file.with_suffix(".state")
        for _, changed in self.changes[: number + 1]:
            state |= changed
        shown.unlink(missing_ok=True)
        with shown.open("wb") as file:
            file.truncate(SIZE)
            for at, content in state.items():
                os.pwrite(file.fileno(), content, at)
        return shown


def losses(
    make: Callable[[Path], Subject],
    base: Path,
    kind: str,
    *,
    eager: bool,
    wanted: Callable[[int], Iterable[int]],
) -> Iterator[tuple[int, str, str]]:
    """Run a subject on a file system; yield moments, and the state that a loss of power leaves then.

    An AssertionError for a state is yielded as its text, after `failed: `.

    Args:
        make: makes the subject.
        base: a folder for all of it.
        kind: the file system.
        eager: whether everything is written before each moment.
        wanted: chooses among so many moments.
    """
    _leave_mounts()
    subject = make(base)
    subject.hit(None)  # loads what it needs
    device = Device(base / "device", kind, base / "disk")
    subject.move(base / "disk" / "run")
    device.begin()
    with device.mounted():
        subject.begin()
        device.start()
        taken = subject.before

        def before(what: str, old: Path | None) -> None:
            taken(what, old)
            device.look(what, flush=eager)

        subject.before = before  # type: ignore[method-assign]
        outcome = subject.supervised(None)
        assert outcome.code == 0, (subject.aside / "error").read_text()
        device.look(END, flush=False)
        for name in ("output", "error"):  # the terminal has lost the power, too
            (subject.aside / name).unlink(missing_ok=True)
    for number in wanted(len(device.changes)):
        when, _ = device.changes[number]
        ended = when == END
        with device.mounted(device.state(number)):
            try:
                found = subject.judged(Outcome(None, [], f"power loss at {when}"), kind)
                assert not ended or found in subject.good, f"{found} though the run had ended"
            except Exception as error:  # noqa: BLE001  the others are judged nevertheless
                found = f"failed: {error!r}: {error.__cause__!r}"
        yield number, when, found


@cache
def _leave_mounts() -> None:
    """Mount where no other process sees it: one with a copy of the mounts keeps a file system alive."""
    if _libc.unshare(_NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "unshare failed")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def _blocks(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the blocks of a file that are not empty."""
    none = bytes(BLOCK)
    with file.open("rb", buffering=0) as opened:
        number, end = opened.fileno(), 0
        while True:
            try:
                start = os.lseek(number, end, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(number, start, os.SEEK_HOLE)
            for at in range(start // BLOCK * BLOCK, end, BLOCK):
                content = os.pread(number, BLOCK, at)
                if content != none:
                    yield at, content
            end = -(-end // BLOCK) * BLOCK


def _syncfs(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(opened):
            raise OSError(ctypes.get_errno(), "syncfs failed")
    finally:
        os.close(opened)


def _copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    subprocess.run(["cp", "--sparse=always", "-T", source, target], check=True)
