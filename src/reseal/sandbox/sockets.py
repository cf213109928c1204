"""Connections to local sockets, made before a worker enters the sandbox, which refuses further ones.

A worker of root or of a user in a privileged group could otherwise reach services such as a container engine.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_connected: dict[Path, int] = {}


def connect(paths: Iterable[Path]) -> None:
    """Connect to sockets; one that does not answer is left to the work, which reports it."""
    for path in paths:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as made:
            made.connect(str(path))
            _connected[path] = made.detach()


def taken(path: Path) -> int | None:
    """Return the descriptor of a connection, once; the caller closes it. None if there is none."""
    return _connected.pop(path, None)
