"""What a worker that an image has taken over, or driven mad, can do: nothing that lasts."""

from __future__ import annotations

import collections
import ctypes
import itertools
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reseal import sandbox
from reseal.errors import ImageError, UsageError
from reseal.process import run_tool
from reseal.sandbox import Limits, privileges, sockets
from reseal.worker import run_worker

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
landlock = pytest.mark.skipif(not sandbox.features()["landlock"], reason="this kernel has none")
seccomp = pytest.mark.skipif(not sandbox.features()["seccomp"], reason="not for this processor")


def ended(job: Callable[[Any], object], limits: Limits | None = None) -> ImageError:
    """Run a job that must end as an error of the image, and return the error."""
    with pytest.raises(ImageError, match=r"disk\.qcow2") as raised:
        run_worker(job, subject="disk.qcow2", limits=limits)
    assert raised.value.exit_code == 4
    assert "the image was not changed" in raised.value.message
    return raised.value


# Memory and time


def test_a_worker_gets_no_more_memory_than_it_may_take() -> None:
    error = ended(lambda _: len(bytearray(400 * MIB)), Limits(memory=200 * MIB))
    assert "more memory than its limit (200 MiB)" in error.message
    assert error.hint is not None
    assert "RESEAL_WORKER_MEMORY" in error.hint


def test_memory_that_a_library_takes_is_bounded_too() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]

    def job(_: object) -> list[int]:
        # In pieces, as a list that an image makes endless would take it. malloc first hands out what
        # the tests before this one have freed, which the parent has and the limit does not count.
        before = _data()
        taken = sum(1 for _ in itertools.takewhile(bool, (libc.malloc(MIB) for _ in range(10_000))))
        return [taken, _data() - before]

    taken, grown = run_worker(job, subject="disk", limits=Limits(memory=100 * MIB))
    assert 50 <= taken < 10_000
    assert 50 * MIB <= grown <= 101 * MIB  # the limit counts the stack as well


def _data() -> int:
    """Bytes of this process that RLIMIT_DATA counts."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmData:"))


def test_memory_suffices_for_the_hives_of_the_largest_disks() -> None:
    small, large = Limits.of_disk(64 * MIB), Limits.of_disk(1 << 44)
    assert small.memory is not None
    assert large.memory == Limits().memory
    assert small.memory > 2 << 30
    assert small.memory < 3 << 30


def loop(_: object) -> None:
    # In C, where Python handles no signals.
    collections.deque(itertools.repeat(0), maxlen=0)


def test_an_endless_loop_in_an_engine_is_ended() -> None:
    error = ended(loop, Limits(patience=0.3))
    assert "did not finish" in error.message
    assert error.hint is not None
    assert "RESEAL_WORKER_PATIENCE" in error.hint


def test_an_endless_loop_that_goes_on_reading_is_ended_too() -> None:
    def job(_: object) -> None:
        while True:
            sandbox.heartbeat()

    assert "did not finish" in ended(job, Limits(processor=0)).message


def test_work_that_goes_on_is_never_ended() -> None:
    def job(report: Callable[[dict[str, Any]], None]) -> str:
        start = time.process_time()
        while time.process_time() - start < 0.6:
            sandbox.heartbeat()
        while time.process_time() - start < 1:
            report({})
        return "done"

    assert run_worker(job, subject="disk", limits=Limits(patience=0.3)) == "done"


def test_waiting_takes_no_patience() -> None:
    assert (
        run_worker(lambda _: time.sleep(0.5), subject="disk", limits=Limits(patience=0.2)) is None
    )


@pytest.mark.parametrize(
    ("name", "value", "attribute", "wanted"),
    [
        ("MEMORY", "512", "memory", 512 * MIB),
        ("MEMORY", "0", "memory", None),
        ("PATIENCE", "7", "patience", 7),
        ("PATIENCE", "0", "processor", None),
    ],
)
def test_limits_are_set_in_the_environment(
    name: str, value: str, attribute: str, wanted: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"RESEAL_WORKER_{name}", value)
    assert getattr(Limits.of_disk(1 << 30).as_wished(), attribute) == wanted


@pytest.mark.parametrize("value", ["much", "-1", "1e3", "٣", "9" * 20])
def test_limits_that_are_no_numbers_are_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESEAL_WORKER_MEMORY", value)
    with pytest.raises(UsageError, match="RESEAL_WORKER_MEMORY"):
        run_worker(lambda _: 1, subject="disk")


def test_a_worker_opens_a_bounded_number_of_files() -> None:
    def job(_: object) -> int:
        opened = []
        try:
            while True:
                opened.append(os.dup(0))
        except OSError:
            return len(opened)

    assert run_worker(job, subject="disk") <= sandbox.FILES


def test_a_worker_leaves_no_core_file_and_goes_first_when_memory_runs_out() -> None:
    def job(_: object) -> list[Any]:
        score = Path("/proc/self/oom_score_adj").read_text()
        return [resource.getrlimit(resource.RLIMIT_CORE), int(score)]

    assert run_worker(job, subject="disk") == [[0, 0], 1000]


# Files


@landlock
def test_a_file_outside_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    error = ended(lambda _: secret.read_text())
    assert f"was refused '{secret}'" in error.message
    assert run_worker(lambda _: secret.read_text(), subject="x", limits=Limits(reads=(secret,)))


@landlock
def test_a_library_does_not_open_a_file_outside_either(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    libc = ctypes.CDLL(None, use_errno=True)

    def job(_: object) -> list[int]:
        flags = os.O_RDONLY, os.O_WRONLY, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_TRUNC
        return [libc.open(os.fsencode(target), one, 0o600) for one in flags]

    assert run_worker(job, subject="x") == [-1] * 4
    assert target.read_text() == "kept"


@landlock
@pytest.mark.parametrize(
    "attempt",
    [
        lambda folder: (folder / "new").write_text("x"),
        lambda folder: (folder / "new").mkdir(),
        lambda folder: (folder / "kept").unlink(),
        lambda folder: (folder / "kept").rename(folder / "moved"),
        lambda folder: (folder / "link").symlink_to("/etc/passwd"),
        lambda folder: os.truncate(folder / "kept", 0),
        lambda folder: os.link(folder / "kept", folder / "name"),
        lambda folder: list(folder.iterdir()),
        lambda folder: os.execv(folder / "kept", ["kept"]),
        lambda folder: (folder / "kept").open("r+"),
    ],
)
def test_nothing_outside_is_changed(tmp_path: Path, attempt: Callable[[Path], object]) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "kept").chmod(0o755)
    ended(lambda _: str(attempt(tmp_path)))
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {"kept": "kept"}


@landlock
def test_an_image_is_not_written_past_its_overlay(tmp_path: Path) -> None:
    """Not even the image itself is at hand; the worker has its socket alone."""
    image = tmp_path / "disk.qcow2"
    image.write_bytes(b"image")
    ended(lambda _: image.write_bytes(b"taken over"))
    assert image.read_bytes() == b"image"


@landlock
def test_other_processes_are_not_looked_into() -> None:
    parent = os.getpid()
    ended(lambda _: Path(f"/proc/{parent}/environ").read_text())
    if sandbox.features()["landlock"] >= 6:
        ended(lambda _: os.kill(parent, signal.SIGTERM))


def test_a_worker_has_a_folder_for_temporary_files_that_goes_with_it() -> None:
    def job(_: object) -> str:
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(b"of the image")
        return file.name

    place = Path(run_worker(job, subject="disk"))
    assert not place.exists()
    assert not place.parent.exists()
    assert place.parent.parent == Path(tempfile.gettempdir())


# The network, and the system


@seccomp
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, 40])
def test_a_worker_has_no_network(family: int) -> None:
    kind = socket.SOCK_RAW if family == socket.AF_NETLINK else socket.SOCK_STREAM
    assert "was refused" in ended(lambda _: socket.socket(family, kind).fileno()).message


@seccomp
def test_a_connection_is_refused() -> None:
    heard: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = threading.Thread(target=lambda: heard.append(server.accept()), daemon=True)
        listener.start()
        address = server.getsockname()
        ended(lambda _: socket.create_connection(address).fileno())
        assert heard == []
        socket.create_connection(address).close()
        listener.join()
        assert len(heard) == 1


@seccomp
@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("ptrace", (101, 117)), ("mount", (165, 40)), ("unshare", (272, 97)), ("bpf", (321, 280)),
        ("io_uring_setup", (425, 425)), ("keyctl", (250, 219)), ("init_module", (175, 105)),
    ],
)  # fmt: skip
def test_the_system_is_not_changed(name: str, numbers: tuple[int, int]) -> None:
    number = numbers[os.uname().machine == "aarch64"]
    libc = ctypes.CDLL(None, use_errno=True)

    def job(_: object) -> list[int]:
        return [libc.syscall(number, 0, 0, 0, 0, 0), ctypes.get_errno()]

    assert run_worker(job, subject="x") == [-1, 1], name


# Tools


@landlock
def test_a_tool_sees_the_folders_of_its_arguments_alone(tmp_path: Path) -> None:
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "disk.raw").write_bytes(b"x" * 512)
    mine, other = (str(tmp_path / name / "disk.raw") for name in ("mine", "other"))
    assert run_tool(["cat", mine]) == "x" * 512
    with pytest.raises(ImageError, match="Permission denied"):
        run_tool(["sh", "-c", f"cat $(echo {other} | tr -d :)", mine])
    node = f'json:{{"driver": "raw", "file": {{"driver": "file", "filename": "{mine}"}}}}'
    assert "virtual size" in run_tool(["qemu-img", "info", node])


@landlock
def test_a_backing_file_that_nobody_allowed_is_closed_to_qemu_itself(tmp_path: Path) -> None:
    """Even where a header got past reseal, QEMU could not open what it names."""
    (tmp_path / "mine").mkdir()
    image, outside = tmp_path / "mine" / "disk.qcow2", tmp_path / "outside.raw"
    outside.write_bytes(b"secret" * 100_000)
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(outside), "-F", "raw"]
    subprocess.run([*command, str(image)], check=True)
    with pytest.raises(ImageError, match="Permission denied"):
        run_tool(["qemu-img", "convert", "-O", "raw", str(image), str(tmp_path / "mine" / "out")])


@seccomp
def test_a_tool_has_no_network() -> None:
    script = "import socket; socket.socket()"
    with pytest.raises(ImageError, match="Permission"):
        run_tool([sys.executable, "-c", script])


def test_a_tool_takes_bounded_memory_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="MemoryError"):
        run_tool([sys.executable, "-c", "bytearray(5 << 30)"])
    monkeypatch.setattr("reseal.process._TOOL_SECONDS", 0)
    with pytest.raises(ImageError, match="exceeded its limit of processor time"):
        run_tool(["sh", "-c", "while :; do :; done"])


def test_a_worker_can_hide_its_memory() -> None:
    libc = ctypes.CDLL(None)
    get, set_ = 3, 4  # PR_GET_DUMPABLE, PR_SET_DUMPABLE

    def job(_: object) -> list[int]:
        libc.prctl(set_, 1, 0, 0, 0)  # a test in this process may have hidden it before the fork
        before = libc.prctl(get, 0, 0, 0, 0)
        sandbox.hide_memory()
        return [before, libc.prctl(get, 0, 0, 0, 0)]

    assert run_worker(job, subject="disk") == [1, 0]


root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def _user(limits: Limits, monkeypatch: pytest.MonkeyPatch, why: str | None = None) -> list[int]:
    monkeypatch.setattr(privileges, "why_root", lambda: why)

    def look(_: object) -> list[int]:
        return [*os.getresuid(), *os.getresgid(), len(os.getgroups())]

    found: list[int] = run_worker(look, subject="x", limits=limits)
    return found


@root
def test_root_works_as_nobody_unless_files_of_the_host_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = [privileges.NOBODY] * 6 + [0]
    assert _user(Limits(), monkeypatch) == nobody
    for limits in (Limits(reads=(tmp_path,)), Limits(writes=(tmp_path,))):
        assert _user(limits, monkeypatch)[:3] == [0, 0, 0]
    assert _user(Limits(), monkeypatch, "a folder is closed")[:3] == [0, 0, 0]
    # The folder for temporary files lies where only root may go.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tmp_path.chmod(0o700)
    assert _user(Limits(), monkeypatch)[:3] == [0, 0, 0]


@root
def test_a_worker_that_is_nobody_dies_with_its_parent_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privileges, "why_root", lambda: None)

    def look(_: object) -> list[str]:
        made = Path(tempfile.mkdtemp())
        (made / "hive").write_bytes(b"secret")
        return [str(made), str(os.getuid())]

    made, user = run_worker(look, subject="x")
    assert user == str(privileges.NOBODY)
    assert not Path(made).parent.exists()
    # It has the only other end of a pipe, so its death is the end of what can be read.
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        os.close(reader)
        run_worker(
            lambda _: (os.write(writer, b"x"), signal.sigwait([signal.SIGUSR1])),
            subject="x",
            limits=Limits(keeps=(writer,)),
        )
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 1) == b"x"
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert os.read(reader, 1) == b""
    os.close(reader)


@pytest.mark.parametrize("mode", [0o711, 0o750, 0o700])
def test_a_folder_that_others_can_not_read_keeps_root(mode: int) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        (folder / "inner").mkdir()
        folder.chmod(0o755)
        (folder / "inner").chmod(0o755)
        assert privileges._is_open(folder / "inner")
        (folder / "inner").chmod(mode)
        assert not privileges._is_open(folder / "inner")
        (folder / "inner").chmod(0o755)
        folder.chmod(mode & ~0o011)
        assert not privileges._is_open(folder / "inner")
    finally:
        shutil.rmtree(folder)


def test_a_worker_is_connected_before_it_can_not_connect_any_more(tmp_path: Path) -> None:
    address = tmp_path / "service"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen()

        def talk(_: object) -> list[bool]:
            number = sockets.taken(address)
            assert number is not None
            assert sockets.taken(address) is None
            with socket.socket(fileno=number) as connected:
                connected.sendall(b"hello")
            refused = []
            for path in (str(address), "\0abstract"):
                try:
                    with socket.socket(socket.AF_UNIX) as other:
                        other.connect(path)
                except PermissionError:
                    refused.append(path)
            return [len(refused) == 2]

        assert run_worker(talk, subject="x", limits=Limits(sockets=(address,))) == [True]
        with listener.accept()[0] as accepted:
            assert accepted.recv(5) == b"hello"
    assert (
        run_worker(lambda _: sockets.taken(address), subject="x", limits=Limits(sockets=(address,)))
        is None
    )
