"""Locks: on the file that has the name now, and on file systems that emulate them or have none."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reseal.disk import Image, InUseError, Transaction
from reseal.disk.locks import Lock
from reseal.disk.sidecar import lock_path
from reseal.errors import ImageError
from tests.disk.images import KINDS, changed, content, make_image, some_writes, write

if TYPE_CHECKING:
    from collections.abc import Callable

#: flock(2) as the NFS client of Linux has it, for whole processes ("NFS details").
EMULATED = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
int flock(int fd, int operation) {
    struct flock lock = {0};
    int wanted = operation & ~LOCK_NB, mode = fcntl(fd, F_GETFL) & O_ACCMODE;
    lock.l_type = wanted == LOCK_EX ? F_WRLCK : wanted == LOCK_SH ? F_RDLCK : F_UNLCK;
    if ((wanted == LOCK_EX && mode == O_RDONLY) || (wanted == LOCK_SH && mode == O_WRONLY)) {
        errno = EBADF;
        return -1;
    }
    return fcntl(fd, operation & LOCK_NB ? F_OFD_SETLK : F_OFD_SETLKW, &lock);
}
"""


def emulated(fd: int, operation: int) -> None:
    """The same, for this process."""
    wanted = operation & ~fcntl.LOCK_NB
    mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
    if wanted == fcntl.LOCK_EX and mode == os.O_RDONLY:
        raise OSError(errno.EBADF, "as on NFS")
    kinds = {fcntl.LOCK_EX: fcntl.F_WRLCK, fcntl.LOCK_SH: fcntl.F_RDLCK}
    lock = struct.pack("hhqqi4x", kinds.get(wanted, fcntl.F_UNLCK), os.SEEK_SET, 0, 0, 0)
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, lock)
    except PermissionError as error:
        raise BlockingIOError(errno.EAGAIN, "taken") from error


def missing(number: int) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.fixture(params=["flock", "byte range", "lock file"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system with each of the ways to lock."""
    chosen: str = request.param
    if chosen == "byte range":
        monkeypatch.setattr(fcntl, "flock", emulated)
    elif chosen == "lock file":
        monkeypatch.setattr(fcntl, "flock", missing(errno.ENOLCK))
        monkeypatch.setattr(Lock, "_byte_range", missing(errno.EOPNOTSUPP))
    return chosen


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(b"x" * 4096)
    return path


def test_one_writer_and_nobody_else(file: Path, way: str) -> None:
    first, second = Lock(file), Lock(file)
    first.exclude()
    assert first.way == way
    for take in (second.exclude, second.share):
        with pytest.raises(InUseError, match="in use by another reseal"):
            take()
    first.close()
    second.exclude()
    second.close()
    assert {one.name for one in file.parent.iterdir()} == {file.name}


def test_readers_share(file: Path, way: str) -> None:
    locks = [Lock(file) for _ in range(3)]
    for lock in locks:
        lock.share()
    assert {lock.way for lock in locks} == {way}
    if way != "lock file":  # which knows of writers alone
        with pytest.raises(InUseError):
            locks[0].exclude()
    for lock in locks[1:]:
        lock.close()
    locks[0].exclude()
    locks[0].close()


@pytest.mark.parametrize("kind", ["share", "exclude"])
@pytest.mark.parametrize("replaced", [1, 3])
def test_a_file_that_was_replaced_meanwhile_is_locked_itself(
    file: Path, kind: str, replaced: int
) -> None:
    """The one who waited would otherwise hold a lock on a deleted file, and so hold nothing."""
    first, second = Lock(file), Lock(file)
    first.exclude()
    old = first.inode
    for number in range(replaced):
        new = file.with_name(f"new {number}")
        shutil.copy(file, new)
        new.replace(file)
    release = threading.Timer(0.1, first.close)
    release.start()
    getattr(second, kind)()
    release.join()
    assert second.inode != old
    assert second.inode == (file.stat().st_dev, file.stat().st_ino)
    third = Lock(file)
    with pytest.raises(InUseError):
        third.exclude()
    third.close()
    second.close()


def test_a_file_that_was_replaced_after_it_was_read_is_refused(file: Path) -> None:
    lock = Lock(file)
    lock.share()
    shutil.copy(file, file.with_name("new"))
    file.with_name("new").replace(file)
    with pytest.raises(ImageError, match="was replaced by another program"):
        lock.exclude()
    lock.close()


def test_a_read_only_file_can_be_shared(file: Path, way: str) -> None:
    file.chmod(0o444)
    lock = Lock(file)
    lock.share()
    assert lock.way == way
    lock.close()


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2], KINDS[12]], ids=lambda kind: kind.name)
def test_a_whole_run(tmp_path: Path, way: str, kind: object) -> None:
    """QEMU's own locks and reseal's are on the same file."""
    path = make_image(tmp_path / "images", kind)  # type: ignore[arg-type]
    before = content(path)
    with Image.open(path) as image, Transaction.begin(image) as transaction:
        write(image, transaction, some_writes())
        transaction.commit()
    assert content(path) == changed(before, some_writes())
    assert {one.name for one in path.parent.iterdir()} == {path.name}


@pytest.mark.parametrize("note", ["dead", "junk", "elsewhere", "empty"])
def test_the_lock_file_of_another_process(
    file: Path, monkeypatch: pytest.MonkeyPatch, note: str
) -> None:
    monkeypatch.setattr(fcntl, "flock", missing(errno.ENOLCK))
    monkeypatch.setattr(Lock, "_byte_range", missing(errno.EOPNOTSUPP))
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    host = "elsewhere.example" if note == "elsewhere" else platform.node()
    text = json.dumps({"host": host, "process": dead.pid})
    lock_path(file).write_text({"junk": "[" * 5000, "empty": ""}.get(note, text))
    lock = Lock(file)
    if note == "dead":
        lock.exclude()
        lock.close()
        assert not lock_path(file).exists()
    else:
        with pytest.raises(InUseError):
            lock.exclude()
        assert lock_path(file).exists()


@pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")
def test_whole_processes_on_a_file_system_that_emulates_flock(tmp_path: Path) -> None:
    source, library = tmp_path / "flock.c", tmp_path / "flock.so"
    source.write_text(EMULATED)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    path = make_image(tmp_path / "images", KINDS[0])
    before = content(path)
    root = Path(__file__).parents[2]
    environment = {"PYTHONPATH": f"{root}/src:{root}", "LD_PRELOAD": str(library)}
    command = [sys.executable, "-m", "tests.disk.one_run", "run", str(path)]
    done = subprocess.run(
        command, env=os.environ | environment, cwd=root, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert content(path) == changed(before, some_writes(pieces=60))
