from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reseal.disk import DiskError, Image, InUseError, Transaction, connect
from reseal.disk.chain import open_chain
from reseal.errors import EngineError, ImageError
from reseal.sandbox import Limits
from reseal.worker import run_worker
from tests.disk.images import (
    FORMATS,
    KINDS,
    Kind,
    content,
    files,
    in_fork,
    make_image,
    some_writes,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

QCOW2, RAW = KINDS[0], KINDS[-1]


@contextlib.contextmanager
def machine(path: Path, *, writable: bool) -> Iterator[None]:
    """Play a running machine: hold an image open as QEMU does."""
    node = open_chain(path).blockdev() | {"node-name": "disk", "read-only": not writable}
    with tempfile.TemporaryDirectory() as folder:
        address = {"addr": {"type": "unix", "path": f"{folder}/socket"}}
        command = ["qemu-storage-daemon", "--blockdev", json.dumps(node)]
        command += ["--nbd-server", json.dumps(address)]
        export = f"nbd,id=disk,node-name=disk,writable={'on' if writable else 'off'}"
        with subprocess.Popen([*command, "--export", export]) as daemon:
            while not Path(folder, "socket").exists():
                assert daemon.poll() is None
                time.sleep(0.005)
            try:
                yield
            finally:
                daemon.terminate()


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_an_image_of_a_running_machine_is_refused(tmp_path: Path, kind: Kind) -> None:
    path = make_image(tmp_path, kind)
    with machine(path, writable=True):
        before = files(tmp_path)
        with pytest.raises(InUseError, match="running machine") as raised:
            Image.open(path)
        assert raised.value.exit_code == 4
        assert files(tmp_path) == before
    Image.open(path).close()


def test_an_image_under_a_running_machine_is_read_and_not_changed(tmp_path: Path) -> None:
    path = make_image(tmp_path, QCOW2)
    with machine(path, writable=False), Image.open(path) as image:
        with pytest.raises(InUseError, match="in use by a running machine"):
            Transaction.begin(image)
        with Transaction.begin(image, output=tmp_path / "new.qcow2") as transaction:
            write(image, transaction, some_writes())
            transaction.commit()


def test_a_machine_that_starts_before_the_merge_wins(tmp_path: Path) -> None:
    path = make_image(tmp_path, QCOW2)
    before = path.read_bytes()
    with Image.open(path) as image, Transaction.begin(image) as transaction:
        write(image, transaction, some_writes())
        with machine(path, writable=False), pytest.raises(InUseError):
            transaction.commit()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_machine_that_starts_just_before_qemu_img_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image(tmp_path, QCOW2)
    before = path.read_bytes()
    monkeypatch.setattr("reseal.disk.merge.kept_by_qemu", lambda _: False)
    with Image.open(path) as image, Transaction.begin(image) as transaction:
        write(image, transaction, some_writes())
        with machine(path, writable=False), pytest.raises(InUseError):
            transaction.commit()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_machine_can_not_start_during_a_run(tmp_path: Path) -> None:
    path = make_image(tmp_path, QCOW2)
    with (
        Image.open(path) as image,
        Transaction.begin(image) as transaction,
        image.serve(transaction.overlay),
    ):
        ran = subprocess.run(
            ["qemu-io", "-c", "write 0 1k", str(path)], check=False, capture_output=True, text=True
        )
        assert 'Failed to get "write" lock' in ran.stderr


def test_several_workers_can_connect_one_after_the_other(tmp_path: Path) -> None:
    path = make_image(tmp_path, QCOW2)
    with Image.open(path) as image, image.serve() as socket_path:

        def job(_: object) -> int:
            with contextlib.closing(connect(socket_path)) as device:
                return device.read(510, 2)[0]

        limits = Limits(sockets=(socket_path,))

        assert [run_worker(job, subject="x", limits=limits) for _ in range(3)] == [0x55] * 3


def test_the_socket_is_private_and_goes_away(tmp_path: Path) -> None:
    path = make_image(tmp_path, QCOW2)
    with Image.open(path) as image, image.serve() as socket_path:
        assert socket_path.parent.stat().st_mode & 0o777 == 0o700
    assert not socket_path.parent.exists()


def test_a_long_temporary_folder_is_no_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image(tmp_path, QCOW2)
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with Image.open(path) as image, image.serve() as socket_path:
        connect(socket_path).close()


def test_a_daemon_that_can_not_open_the_image_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image(tmp_path, QCOW2)
    with Image.open(path) as image:
        path.write_bytes(b"x" * 70_000)
        with pytest.raises(DiskError, match="not in qcow2 format"), image.serve():
            pass


def kill_daemon(image: Path) -> None:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            command = (entry / "cmdline").read_bytes()
            if b"qemu-storage-daemon" in command and str(image).encode() in command:
                os.kill(int(entry.name), signal.SIGKILL)


def test_a_daemon_that_is_killed_is_an_error(tmp_path: Path) -> None:
    path = make_image(tmp_path, QCOW2)
    before = path.read_bytes()
    with (
        Image.open(path) as image,
        Transaction.begin(image) as transaction,
        pytest.raises(ImageError, match=r"not changed: .*SIGKILL"),
        image.serve(transaction.overlay),
    ):
        kill_daemon(path)
    assert path.read_bytes() == before


def test_a_worker_sees_a_daemon_die(tmp_path: Path) -> None:
    path = make_image(tmp_path, QCOW2)
    with Image.open(path) as image, image.serve() as socket_path:
        pass
    with pytest.raises(DiskError, match="can't be opened"):
        connect(socket_path)


def test_a_server_that_is_no_nbd_server(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def job(_: object) -> None:
            connect(tmp_path / "s")

        def answer() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

        pid = os.fork()
        if pid == 0:
            answer()
            os._exit(0)
        with pytest.raises(DiskError, match="can't be opened"):
            run_worker(job, subject="x", limits=Limits(sockets=(tmp_path / "s",)))
        os.waitpid(pid, 0)


def test_reads_and_writes_of_any_size_and_place(tmp_path: Path) -> None:
    path = make_image(tmp_path, RAW)
    disk = bytearray(path.read_bytes())
    with (
        Image.open(path) as image,
        Transaction.begin(image) as transaction,
        image.serve(transaction.overlay) as socket_path,
    ):
        device = connect(socket_path)
        assert not device.read_only
        for offset, size in [(0, 0), (0, 1), (511, 2), (1, 9 << 20), (len(disk) - 1, 1)]:
            assert device.read(offset, size) == disk[offset : offset + size]
            device.write(offset, b"w" * size)
            disk[offset : offset + size] = b"w" * size
        assert device.read(0, len(disk)) == disk
        for offset, size in [(-1, 1), (len(disk), 1), (0, len(disk) + 1), (0, -1)]:
            with pytest.raises(DiskError, match="outside the device"):
                device.read(offset, size)
        with pytest.raises(DiskError, match="outside the device"):
            device.write(len(disk) - 1, b"xx")
        device.flush()
        device.close()
        device.close()
        read_only = connect(socket_path, read_only=True)
        with pytest.raises(DiskError, match="reading only"):
            read_only.write(0, b"x")
        read_only.flush()
        read_only.close()


def test_missing_engines_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_image(tmp_path, QCOW2)
    monkeypatch.setenv("PATH", "/nowhere")
    with Image.open(path) as image:
        with pytest.raises(EngineError, match="qemu-img is not installed"):
            Transaction.begin(image)
        with (
            pytest.raises(EngineError, match="qemu-storage-daemon is not installed"),
            image.serve(),
        ):
            pass
    assert list(tmp_path.iterdir()) == [path]


def test_an_image_that_can_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_image(tmp_path, QCOW2)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with Image.open(path) as image, pytest.raises(DiskError, match="permission denied") as raised:
        Transaction.begin(image)
    assert raised.value.hint is not None
    assert "--output" in raised.value.hint


def _as_nobody(path: Path) -> None:
    with Image.open(path) as image, Transaction.begin(image) as transaction:
        write(image, transaction, [(2 << 20, b"nobody")])
        transaction.commit()
    output = path.with_name("new.vhdx")
    with Image.open(path) as image, Transaction.begin(image, output=output) as transaction:
        write(image, transaction, [(3 << 20, b"was here")])
        transaction.commit()


def test_a_user_without_privileges_can_do_everything(tmp_path: Path) -> None:
    if os.getuid():
        _as_nobody(make_image(tmp_path, QCOW2))
        return
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is root's
        path = make_image(Path(folder), QCOW2)
        os.chown(path, 65534, 65534)
        os.chown(folder, 65534, 65534)

        def job() -> None:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            _as_nobody(path)

        in_fork(job)
        assert content(path)[2 << 20 :][:6] == b"nobody"
        assert content(path.with_name("new.vhdx"))[3 << 20 :][:8] == b"was here"


def test_a_folder_that_can_not_be_written_is_read_all_the_same(tmp_path: Path) -> None:
    if os.getuid():
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as folder:
        path = make_image(Path(folder), QCOW2)
        Path(folder).chmod(0o755)
        path.chmod(0o666)

        def job() -> str:
            os.setresuid(65534, 65534, 65534)
            with Image.open(path) as image:
                with pytest.raises(DiskError, match="Permission denied") as raised:
                    Transaction.begin(image)
                assert raised.value.hint is not None
                assert "--output" in raised.value.hint
                with image.serve() as socket_path, contextlib.closing(connect(socket_path)) as disk:
                    return disk.read(510, 1).hex()

        assert in_fork(job) == "55"
