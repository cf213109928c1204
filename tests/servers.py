"""Servers of network disks on this computer: qemu-nbd, nbdkit and sshd."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def qemu_nbd(file: Path, path: Path, *options: str) -> int:
    """Serve a raw file as `disk` on a unix socket; return the process, which dies with this one."""
    path.unlink(missing_ok=True)
    command = [
        "qemu-nbd",
        "--persistent",
        "-f",
        "raw",
        "-x",
        "disk",
        "-k",
        str(path),
        *options,
        str(file),
    ]
    quiet = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
    tied = ["setpriv", "--pdeathsig", "KILL", *command]
    child = os.posix_spawnp("setpriv", tied, os.environ, file_actions=quiet)
    _until(lambda: _answers(path))
    return child


def _until(ready: object, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ready():  # type: ignore[operator]
        assert time.monotonic() < end, "the server does not answer"
        time.sleep(0.01)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return client.recv(8, socket.MSG_WAITALL) == b"NBDMAGIC"


@contextmanager
def nbdkit(file: Path, *options: str) -> Iterator[int]:
    """Serve a raw file with nbdkit on a port of this computer, and yield the port."""
    port = free_port()
    command = ["nbdkit", "-f", "-i", "127.0.0.1", "-p", str(port), *options, "file", str(file)]
    with subprocess.Popen(command) as process:
        try:
            _until(lambda: _listens(port))
            yield port
        finally:
            process.kill()


@contextmanager
def sshd(folder: Path) -> Iterator[int]:
    """Run sshd for this user on a port of this computer, and yield the port; the keys are in `folder`."""
    port = free_port()
    for name in ("host", "id_ed25519"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    shutil.copy(folder / "id_ed25519.pub", folder / "authorized_keys")
    host = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nPidFile none\nSubsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    with subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"]) as process:
        try:
            _until(lambda: _listens(port))
            yield port
        finally:
            process.kill()


def free_port() -> int:
    """Return a port of this computer that nothing uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
