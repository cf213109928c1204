"""Disks on servers, which QEMU opens: NBD, and files through SSH.

One qemu-storage-daemon, the gateway, may use the network. It serves the disk on a private unix socket, and
all other programs get it from there, as from any server of QEMU's. So a server sees a single client, and
nothing else of reseal has a network.

Source: QEMU's qemu-block-drivers(7) and QAPI reference (BlockdevOptionsNbd, BlockdevOptionsSsh), documented.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from reseal.disk.device import DiskError
from reseal.disk.nbd import EXPORT, connect
from reseal.disk.partitions import SECTOR
from reseal.disk.server import private_folder, serve
from reseal.errors import UsageError
from reseal.hostfile import NetworkPath
from reseal.sandbox import Limits
from reseal.worker import run_worker

_NBD_PORT, _SSH_PORT = 10809, 22
_FORMS = "Name it as nbd://HOST/EXPORT, nbd+unix:///EXPORT?socket=/PATH or ssh://USER@HOST/PATH."
#: What containers begin with; a server of QEMU's serves what is inside.
_CONTAINERS = {
    b"QFI\xfb": "qcow2",
    b"vhdxfile": "vhdx",
    b"conectix": "vhd",
    b"KDMV": "vmdk",
    b"COWD": "vmdk",
    b"# Disk Descripto": "vmdk",
}


def node(path: NetworkPath) -> dict[str, Any]:
    """Describe a network disk to QEMU.

    Raises:
        UsageError: the URL is not complete, or has a part that reseal does not know.
    """
    try:
        parts = urlsplit(path.url)
        port, query = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise _wrong(path, str(error)) from error
    if parts.password is not None:
        raise _wrong(path, "a password in a URL is seen by everyone; use an SSH key or an agent")
    name = unquote(parts.path)
    if parts.scheme == "nbd+unix":
        sockets = query.pop("socket", [])
        if parts.netloc or query or len(sockets) != 1 or not sockets[0].startswith("/"):
            raise _wrong(path, "it does not name one socket by an absolute path")
        return {
            "driver": "nbd",
            "server": {"type": "unix", "path": sockets[0]},
            "export": name.removeprefix("/"),
        }
    if query or parts.fragment or not parts.hostname:
        raise _wrong(path, "it is not a complete URL, or has options that reseal does not know")
    if parts.scheme == "nbd":
        server = {"type": "inet", "host": parts.hostname, "port": str(port or _NBD_PORT)}
        return {"driver": "nbd", "server": server, "export": name.removeprefix("/")}
    server = {"host": parts.hostname, "port": str(port or _SSH_PORT)}
    user = {"user": unquote(parts.username)} if parts.username else {}
    return {"driver": "ssh", "server": server, "path": name, **user}


def _wrong(path: NetworkPath, why: str) -> UsageError:
    shown = re.sub(r"//[^/]*@", "//…@", path.url)
    return UsageError(f"{shown} can't be opened: {why}.", _FORMS)


@contextmanager
def gateway(path: NetworkPath, *, writable: bool) -> Iterator[tuple[dict[str, Any], int]]:
    """Serve a network disk on a private socket; yield how QEMU gets it from there, and its bytes.

    Args:
        path: the disk.
        writable: whether it is to be written.

    Raises:
        DiskError: the server does not answer, or the disk can't be written.
    """
    described = {"driver": "raw", "file": node(path), "read-only": not writable}
    with (
        private_folder() as folder,
        serve(described, folder, writable=writable, subject=path.url, network=True) as socket,
    ):
        size, head = run_worker(
            lambda _: _look(socket), subject=path.url, limits=Limits(sockets=(socket,))
        )
        for magic, kind in _CONTAINERS.items():
            if bytes.fromhex(head).startswith(magic):
                raise DiskError(
                    f"{path.url} holds a {kind} image, and reseal takes it for a raw disk.",
                    hint=f"Serve it with `qemu-nbd --persistent --format {kind}`, and name that.",
                )
        server = {"type": "unix", "path": str(socket)}
        yield {"driver": "nbd", "server": server, "export": EXPORT}, size


def _look(socket: Path) -> list[object]:
    device = connect(socket, read_only=True)
    return [device.size, device.read(0, min(SECTOR, device.size)).hex()]
