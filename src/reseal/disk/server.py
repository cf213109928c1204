"""qemu-storage-daemon, which serves a disk on a private unix socket."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from reseal.disk.device import DiskError
from reseal.disk.locks import in_use_by_qemu
from reseal.disk.nbd import EXPORT
from reseal.disk.qemu import is_lock_failure
from reseal.errors import ImageError
from reseal.interruption import temporary_folder
from reseal.process import spawn, tool_message

_DAEMON = "qemu-storage-daemon"
_GREETING = b"NBDMAGIC"
#: How the daemon's messages begin: with its arguments.
_DESCRIPTION = re.compile(r"--blockdev \{.*\}: ", re.DOTALL)
_MAX_SOCKET_PATH = 107  # sockaddr_un, linux/un.h

#: How long the daemon may take to write its caches and end, in seconds.
_END = 600


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder that only this user can enter, for as long as the context lasts."""
    parent = tempfile.gettempdir()
    if len(parent) > _MAX_SOCKET_PATH - 40:
        parent = "/tmp"  # noqa: S108  # the folder in it is created with mode 0700
    with temporary_folder(above=parent) as folder:
        yield folder


@contextmanager
def serve(
    blockdev: dict[str, Any],
    folder: Path,
    *,
    writable: bool,
    subject: str,
    files: Iterable[Path] = (),
    network: bool = False,
) -> Iterator[Path]:
    """Serve a disk as long as the context lasts, and yield the path of the socket.

    Args:
        blockdev: the disk, as QEMU's block layer describes it.
        folder: where the socket is made.
        writable: allow writes. The writer must flush before the context ends.
        subject: the image, for error messages.
        files: what is opened although the description does not name it.
        network: whether the daemon may use the network.

    Raises:
        EngineError: the daemon is not installed.
        ImageError: the daemon can't open the disk (a running machine may use it), or ended early.
    """
    path = folder / "nbd"
    with ExitStack() as stack:
        # The daemon gets a socket that already listens, so clients need not wait: each is
        # served, or refused when the daemon has ended.
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            address = {"addr": {"type": "fd", "str": str(listener.fileno())}}
            process = spawn(
                [
                    _DAEMON,
                    *("--blockdev", json.dumps(blockdev | {"node-name": "disk"})),
                    *("--nbd-server", json.dumps(address)),
                    "--export",
                    f"type=nbd,id=disk,node-name=disk,name={EXPORT},writable={_on(writable)}",
                ],
                pass_fds=[listener.fileno()],
                files=files,
                network=network,
            )
        stack.enter_context(process)
        stack.callback(process.kill)
        if not _greets(path):
            raise _failed(process, subject)
        yield path
        process.terminate()
        try:
            _, errors = process.communicate(timeout=_END)
        except subprocess.TimeoutExpired as error:
            raise DiskError(f"{_DAEMON} did not exit; {subject} was not changed.") from error
        if process.returncode:
            said = tool_message(_DAEMON, process.returncode, errors)
            raise ImageError(f"{subject} was not changed: {said}")


def _on(flag: bool) -> str:
    return "on" if flag else "off"


def _greets(path: Path) -> bool:
    """Wait until the daemon answers; false where it ends instead."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
            return client.recv(len(_GREETING), socket.MSG_WAITALL) == _GREETING
        except ConnectionError:
            return False


def _failed(process: subprocess.Popen[bytes], subject: str) -> ImageError:
    _, errors = process.communicate()
    said = _DESCRIPTION.sub("", tool_message(_DAEMON, process.returncode, errors))
    if is_lock_failure(said):
        return in_use_by_qemu(subject)
    return DiskError(f"{subject} can't be opened: {said}")
