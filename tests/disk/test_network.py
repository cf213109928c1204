"""Disks on servers: qemu-nbd, nbdkit and sshd on this computer."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reseal.disk import DiskError, Image, InUseError, Transaction, network, resume
from reseal.errors import ImageError, UsageError
from reseal.hostfile import NetworkPath
from reseal.process import run_tool
from tests import servers
from tests.disk.images import changed, raw_disk, some_writes, write
from tests.disk.test_resume import ROOT, fail, fail_at_the_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state/reseal"


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return raw_disk(tmp_path)


@pytest.fixture
def url(disk: Path, tmp_path: Path) -> Iterator[NetworkPath]:
    process = servers.qemu_nbd(disk, tmp_path / "nbd")
    yield NetworkPath(f"nbd+unix:///disk?socket={tmp_path}/nbd")
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def run(url: Path, tool: Callable[..., str] = run_tool) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("reseal.disk.merge.run_tool", tool)
        with Image.open(url, writing=True) as image, Transaction.begin(image) as transaction:
            write(image, transaction, some_writes())
            transaction.commit()


def left(state: Path) -> list[str]:
    return [one.name for one in state.iterdir() if not one.name.endswith("-lock")]


def test_a_disk_behind_qemu_nbd_is_changed(url: NetworkPath, disk: Path, state: Path) -> None:
    before = disk.read_bytes()
    run(url)
    assert disk.read_bytes() == changed(before, some_writes())
    assert left(state) == []


@pytest.mark.parametrize("tool", [fail, fail_at_the_end])
def test_an_interrupted_merge_is_refused_and_finished(
    url: NetworkPath, disk: Path, state: Path, tool: Callable[..., str]
) -> None:
    before = disk.read_bytes()
    with pytest.raises(DiskError, match="was interrupted"):
        run(url, tool)
    with pytest.raises(ImageError, match="was interrupted") as raised:
        Image.open(url)
    assert raised.value.hint == f"Finish it: reseal resume '{url}'"
    resume(url)
    assert disk.read_bytes() == changed(before, some_writes())
    assert left(state) == []


def test_a_server_that_dies_in_the_middle(disk: Path, tmp_path: Path) -> None:
    before, socket = disk.read_bytes(), tmp_path / "nbd"
    url = NetworkPath(f"nbd+unix:///disk?socket={socket}")
    process = servers.qemu_nbd(disk, socket)

    def die(argv: list[str], **options: Any) -> str:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        return run_tool(argv, **options)

    with pytest.raises(DiskError, match="was interrupted"):
        run(url, die)
    with pytest.raises(DiskError, match="can't be opened"):
        resume(url)
    again = servers.qemu_nbd(disk, socket)
    resume(url)
    os.kill(again, signal.SIGTERM)
    os.waitpid(again, 0)
    assert disk.read_bytes() == changed(before, some_writes())


def test_a_server_that_dies_before_the_merge_leaves_the_disk(disk: Path, tmp_path: Path) -> None:
    before, socket = disk.read_bytes(), tmp_path / "nbd"
    process = servers.qemu_nbd(disk, socket)
    with (
        Image.open(NetworkPath(f"nbd+unix:///disk?socket={socket}"), writing=True) as image,
        Transaction.begin(image) as transaction,
    ):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        with pytest.raises(ImageError):
            write(image, transaction, some_writes())
    assert disk.read_bytes() == before


def test_a_disk_is_locked_on_this_computer(url: NetworkPath, disk: Path) -> None:
    other = disk.with_name("other")
    process = servers.qemu_nbd(disk, other, "--shared", "4")
    twice = NetworkPath(f"nbd+unix:///disk?socket={other}")
    try:
        with (
            Image.open(twice, writing=True) as image,
            Transaction.begin(image),
            pytest.raises(InUseError),
        ):
            Image.open(twice)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    del url


@pytest.mark.skipif(shutil.which("nbdkit") is None, reason="nbdkit is not installed")
def test_a_disk_behind_nbdkit_is_read_and_a_read_only_one_is_refused(disk: Path) -> None:
    with servers.nbdkit(disk, "--readonly") as port:
        url = NetworkPath(f"nbd://127.0.0.1:{port}/")
        with Image.open(url) as image:
            assert image.size == disk.stat().st_size
        with pytest.raises(DiskError, match="can't be opened"):
            run(url)
    before = disk.read_bytes()
    with servers.nbdkit(disk) as port:
        run(NetworkPath(f"nbd://localhost:{port}/"))
    assert disk.read_bytes() == changed(before, some_writes())


def _has_ssh() -> bool:
    parts = subprocess.run(["qemu-img", "--help"], capture_output=True, text=True, check=False)
    found = list(Path("/usr/lib").glob("*/qemu/block-ssh.so")) or " ssh " in parts.stdout
    return bool(found) and Path("/usr/sbin/sshd").exists() and os.geteuid() == 0


@pytest.mark.root
@pytest.mark.skipif(not _has_ssh(), reason="root, sshd and QEMU's driver for SSH are needed")
def test_a_disk_through_ssh_is_changed(disk: Path, tmp_path: Path) -> None:
    """libssh takes the home folder from the list of users, so the run has a list of its own."""
    home, users = tmp_path / "home", tmp_path / "passwd"
    users.write_text(f"root:x:0:0:root:{home}:/bin/sh\n")
    keys = home / ".ssh"
    keys.mkdir(parents=True)
    before = disk.read_bytes()
    with servers.sshd(keys) as port:
        mounted = f'mount --bind "{users}" /etc/passwd && HOME="{home}" exec "$@"'
        url = f"ssh://root@127.0.0.1:{port}{disk}"
        run_it = [sys.executable, "-m", "tests.disk.one_run", "run", url]
        command = ["unshare", "--mount", "sh", "-c", mounted, "sh", *run_it]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert disk.read_bytes() == changed(before, some_writes(pieces=60))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nbd://user:secret@host/x", "a password in a URL"),
        ("nbd:///x", "not a complete URL"),
        ("nbd://host:99999/x", "Port out of range"),
        ("nbd://host/x?tls=1", "has options"),
        ("nbd+unix:///x", "one socket"),
        ("nbd+unix:///x?socket=relative", "one socket"),
        ("nbd+unix:///x?socket=/a&socket=/b", "one socket"),
        ("ssh://host/x#y", "not a complete URL"),
    ],
)
def test_a_wrong_url_is_refused(url: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as raised:
        network.node(NetworkPath(url))
    assert "secret" not in raised.value.message
    assert "nbd://HOST/EXPORT" in str(raised.value.hint)


def test_what_qemu_is_told() -> None:
    assert network.node(NetworkPath("nbd://[::1]/a%20b")) == {
        "driver": "nbd",
        "server": {"type": "inet", "host": "::1", "port": "10809"},
        "export": "a b",
    }
    assert network.node(NetworkPath("ssh://me@host:2222/images/a.raw")) == {
        "driver": "ssh",
        "server": {"host": "host", "port": "2222"},
        "user": "me",
        "path": "/images/a.raw",
    }


def test_a_container_behind_a_server_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "a.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"], check=True)
    process = servers.qemu_nbd(image, tmp_path / "nbd")
    try:
        with pytest.raises(DiskError, match="holds a qcow2 image"):
            Image.open(NetworkPath(f"nbd+unix:///disk?socket={tmp_path}/nbd"))
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def test_a_network_disk_is_never_a_backing_file(tmp_path: Path) -> None:
    image = tmp_path / "a.qcow2"
    command = ["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", "nbd://host/x", "-F", "raw"]
    subprocess.run([*command, image, "1M"], check=True)
    with pytest.raises(DiskError, match="not a plain file name"):
        Image.open(image, allow_backing=True)
